"""Bodies: what stands under a child, a block, a section or a control key, read once before anything is built.

Rules 1 to 13 of the language. Syntax of all branches is checked here, whether they are taken or not (rule 39).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from collections.abc import Sequence as Items
from dataclasses import dataclass

from archc.diagnostics import errors
from archc.diagnostics.collector import Collector
from archc.diagnostics.span import Span
from archc.language.expression import Expression, parse_expression, parse_target
from archc.language.keys import Key
from archc.language.syntax import Mapping, Node, Scalar, Sequence

_CONTROL = re.compile(r"(if|elif|else|for|let)(?=[\s(\[]|$)")
_TEMPLATE = re.compile(r"\$\{([^}]*)\}")


@dataclass(eq=False, slots=True)
class LayerBody:
    """A string: one layer."""

    expression: Expression
    span: Span


@dataclass(eq=False, slots=True)
class EntriesBody:
    """A list or a mapping. ``chain``: one `if` and at most `let`s beside it: the chosen body is the body (rule 6)."""

    entries: list[Entry]
    span: Span
    is_list: bool
    chain: If | None


@dataclass(eq=False, slots=True)
class ReferenceBody:
    """The value of an output: a tensor's name."""

    scalar: Scalar
    span: Span


@dataclass(eq=False, slots=True)
class BrokenBody:
    """Already reported. It would have held ``entries``; what it would have held is not known if it is ``opaque``."""

    span: Span
    entries: Items[Entry] = ()
    opaque: bool = False


Body = LayerBody | EntriesBody | ReferenceBody | BrokenBody


@dataclass(eq=False, slots=True)
class Child:
    """A child. ``key`` is None for an unnamed one, which takes a number."""

    key: Key | None
    body: Body
    span: Span  # of the key, or of the item


@dataclass(eq=False, slots=True)
class If:
    """`if`, `elif` and `else`; the condition of `else` is None."""

    branches: list[tuple[Expression | None, Body]]
    span: Span


@dataclass(eq=False, slots=True)
class For:
    target: Expression
    items: Expression
    body: Body
    span: Span


@dataclass(eq=False, slots=True)
class Let:
    """Names → expressions, or what was written where it is no text."""

    bindings: Bindings
    span: Span


Bindings = list[tuple[Scalar, Expression | None, Node | None]]  # without either, a mistake that was reported
Entry = Child | If | For | Let | BrokenBody


class BodyReader:
    """Reads bodies; what is wrong goes to the collector."""

    def __init__(self, collector: Collector, references: bool = False) -> None:
        self.collector = collector
        self.references = references  # strings are tensors' names, as under `outputs`, and not layers

    def body(self, node: Node, what: str) -> Body:
        """The body of ``what``, which a message would name."""
        if isinstance(node, Scalar):
            return self.string(node, what)
        if node.broken:
            return BrokenBody(node.span, opaque=True)
        entries = self.items(node) if isinstance(node, Sequence) else self.mapping(node)
        if not (node.items if isinstance(node, Sequence) else node.entries):
            self.collector.add(errors.empty_body(node.span, what))
            return BrokenBody(node.span)
        chain = None if isinstance(node, Sequence) else _only_chain(entries)
        return EntriesBody(entries, node.span, isinstance(node, Sequence), chain)

    def string(self, node: Scalar, what: str) -> Body:
        if node.empty:
            self.collector.add(errors.empty_body(node.span, what))
            return BrokenBody(node.span)
        if self.references:
            return ReferenceBody(node, node.span)
        expression = parse_expression(node, self.collector)
        return BrokenBody(node.span) if expression is None else LayerBody(expression, node.span)

    def items(self, node: Sequence) -> list[Entry]:
        """A mapping in a list is spliced in, whatever it holds (rule 8)."""
        entries: list[Entry] = []
        for item in node.items:
            if isinstance(item, Mapping):
                entries += [BrokenBody(item.span, opaque=True)] if item.broken else self.mapping(item)
                if not item.entries and not item.broken:
                    self.collector.add(errors.empty_body(item.span, "a list item"))
            else:
                entries.append(Child(None, self.body(item, "a list item"), item.span))
        return entries

    def mapping(self, node: Mapping) -> list[Entry]:
        entries: list[Entry] = []
        chain: If | None = None  # the `if` that an `elif` or `else` may follow
        for key, value in node.entries:
            control = _CONTROL.match(key.text)
            word = control.group() if control else ""
            if word in ("elif", "else"):
                self.follow(chain, word, key, value)
                chain = chain if word == "elif" else None
                continue
            entry = self.entry(word, key, value)
            chain = entry if isinstance(entry, If) else None
            if entry is not None:
                entries.append(entry)
        return entries

    def entry(self, word: str, key: Scalar, value: Node) -> Entry | None:
        if word == "if":
            return If([self.branch(key, value, 2)], key.span)
        if word == "for":
            return self.loop(key, value)
        if key.text == "let":
            return self.let(key, value)
        return Child(self.key(key), self.body(value, f"`{key.text}`"), key.span)

    def branch(self, key: Scalar, value: Node, skip: int) -> tuple[Expression | None, Body]:
        condition = parse_expression(key, self.collector, skip)
        body = self.body(value, f"`{key.text}`")
        return condition, body if condition is not None else BrokenBody(key.span, spliced(body))

    def follow(self, chain: If | None, word: str, key: Scalar, value: Node) -> None:
        """`elif` and `else` directly follow their `if` in the same mapping (rule 8)."""
        if chain is None:
            self.collector.add(errors.stray_else(key.span, word))
            self.body(value, f"`{key.text}`")
        elif word == "elif":
            chain.branches.append(self.branch(key, value, 4))
        else:
            if key.text != "else":
                self.collector.add(errors.else_with_condition(key.span))
            chain.branches.append((None, self.body(value, "`else`")))

    def loop(self, key: Scalar, value: Node) -> For | BrokenBody:
        match = re.fullmatch(r"for\b(.*?)\bin\b(.*)", key.text, re.DOTALL)
        body = self.body(value, f"`{key.text}`")
        if match is None:
            self.collector.add(errors.bad_for(key.span))
            return BrokenBody(key.span, spliced(body))
        target = parse_target(key, self.collector, match.start(1), match.end(1))
        items = parse_expression(key, self.collector, match.start(2))
        if target is None or items is None:
            return BrokenBody(key.span, spliced(body))
        return For(target, items, body, key.span)

    def let(self, key: Scalar, value: Node) -> Let | None:
        if not isinstance(value, Mapping):
            self.collector.add(errors.not_a_mapping(value.span, "`let`", "name: expression"))
            return None
        return Let(read_let(value, self.collector), key.span)

    def key(self, scalar: Scalar) -> Key:
        parts: list[str | Expression] = []
        end = 0
        broken = False
        for match in _TEMPLATE.finditer(scalar.text):
            parts.append(scalar.text[end : match.start()])
            expression = parse_expression(scalar, self.collector, match.start(1), match.end(1))
            broken |= expression is None
            parts.append(expression if expression is not None else match.group())
            end = match.end()
        if "${" in scalar.text[end:]:
            at = scalar.text.index("${", end)
            broken = True
            self.collector.add(errors.open_template(scalar.part(at, len(scalar.text))))
        parts.append(scalar.text[end:])
        return Key(scalar, [p for p in parts if p != ""] or [""], broken)


def spliced(body: Body) -> Items[Entry]:
    """Under a control key a string means a list of that one string (rule 4)."""
    if isinstance(body, EntriesBody):
        return body.entries
    if isinstance(body, BrokenBody) and (body.opaque or body.entries):
        return [body]
    return [Child(None, body, body.span)]


def patterns(entries: Iterable[Entry]) -> Iterator[str]:
    """Regular expressions for the names that entries may give to what is around them."""
    for entry in entries:
        if isinstance(entry, Child):
            yield _pattern(entry.key)
        elif isinstance(entry, If):
            for _, body in entry.branches:
                yield from patterns(spliced(body))
        elif isinstance(entry, For):
            yield from patterns(spliced(entry.body))
        elif isinstance(entry, BrokenBody):
            yield from [".*"] if entry.opaque else patterns(entry.entries)


def _pattern(key: Key | None) -> str:
    if key is None:
        return "[0-9]+"
    text = _TEMPLATE.sub("\0", key.scalar.text).partition("<-")[0].partition("${")
    name = text[0].strip().partition(".")[0] + ("\0" if text[1] else "")
    return ".*".join(map(re.escape, name.split("\0")))


def read_let(node: Mapping, collector: Collector) -> Bindings:
    """In a `let`, a string is an expression and anything else is itself (rule 34)."""
    found: Bindings = []
    for name, value in node.entries:
        if not name.text.isidentifier():
            if not node.broken:
                collector.add(errors.bad_name(name.span, name.text, "a value"))
            continue
        if node.broken or (isinstance(value, Sequence | Mapping) and value.broken):
            found.append((name, None, None))
        elif isinstance(value, Scalar) and isinstance(value.value, str):
            expression = parse_expression(value, collector)
            found.append((name, expression, value if expression is not None else None))
        else:
            found.append((name, None, value))
    return found


def _only_chain(entries: list[Entry]) -> If | None:
    chains = [e for e in entries if isinstance(e, If)]
    others = [e for e in entries if not isinstance(e, If | Let)]
    return chains[0] if len(chains) == 1 and not others else None
