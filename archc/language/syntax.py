"""Text to a tree in which every value keeps its place: YAML with the rules of YAML 1.2, and nothing that runs code.

libyaml finds the events; what they mean (types of scalars, keys, aliases, tags, limits) is decided here.
See https://yaml.org/spec/1.2.2/, section 10.3, the core schema.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from archc.diagnostics import errors
from archc.diagnostics.collector import Collector
from archc.diagnostics.span import Source, Span
from archc.language import limits
from archc.language.alignment import align

CONSTANTS: dict[str, Any] = {
    "true": True, "True": True, "false": False, "False": False, "null": None, "None": None, "~": None, "": None,
}  # fmt: skip
_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0x[0-9a-fA-F]{1,15}|0o[0-7]{1,20}")
_NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_EVENTS: Any = yaml.parse  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
_PARSER: Any = getattr(yaml, "CLoader", yaml.Loader)  # only its event parser is used


@dataclass(eq=False, slots=True)
class Scalar:
    """Text at a place. ``plain``: not quoted. ``exact``: stands in the source as it is, so its parts have places."""

    text: str
    plain: bool
    span: Span
    exact: bool
    places: list[int] | None = None  # of its characters where it is not exact; once they were asked for

    def part(self, start: int, end: int) -> Span:
        """The place of characters ``start`` to ``end`` of the text; the whole where that can't be told."""
        if not self.exact:
            return self.aligned(start, end)
        shift = 0 if self.plain else 1
        return self.span.part(start + shift, end + shift)

    def aligned(self, start: int, end: int) -> Span:
        if self.places is None:
            self.places = align(self.text, self.span.text) or []
        if not self.places:
            return self.span
        text, begin, stop = self.span.source.text, self.span.start, self.places[end]
        while stop > self.places[start] and text[begin + stop - 1].isspace():
            stop -= 1
        return self.span.part(self.places[start], stop)

    @property
    def value(self) -> Any:
        """The number, boolean, text or None that it stands for by the core schema of YAML 1.2."""
        if not self.plain:
            return self.text
        if self.text in CONSTANTS:
            return CONSTANTS[self.text]
        if _INTEGER.fullmatch(self.text) and len(self.text) < 20:
            return int(self.text)
        if _FLOAT.fullmatch(self.text):
            return float(self.text)
        if _BASED.fullmatch(self.text):
            return int(self.text, 0)
        return self.text

    @property
    def empty(self) -> bool:
        """Nothing, or null."""
        return self.plain and CONSTANTS.get(self.text, 0) is None


@dataclass(eq=False, slots=True)
class Sequence:
    items: list[Node]
    span: Span
    broken: bool = False  # already reported; what reads it stays silent


@dataclass(eq=False, slots=True)
class Mapping:
    entries: list[tuple[Scalar, Node]]
    span: Span
    broken: bool = False

    def get(self, key: str) -> Node | None:
        return next((value for k, value in self.entries if k.text == key), None)


Node = Scalar | Sequence | Mapping


def parse(source: Source, collector: Collector) -> Node | None:
    """The tree of a text. What is wrong goes to the collector; None where nothing can be made of it."""
    composer = _Composer(source, collector)
    try:
        for event in _EVENTS(source.text, Loader=_PARSER):
            composer.take(event)
    except _StopReading:
        return None
    except yaml.YAMLError as error:
        collector.add(errors.yaml_syntax(*_place(error, source)))
        return None
    if composer.root is None:
        collector.add(errors.empty_file(Span(source, 0, 0)))
    return composer.root


def _place(error: yaml.YAMLError, source: Source) -> tuple[Span, str, Span | None, str]:
    """Where libyaml stopped, what it says, and what it was reading."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark, context = error.problem_mark or error.context_mark, error.context_mark
        at = min(mark.index, len(source.text)) if mark else 0
        opened = Span(source, context.index, context.index + 1) if context and error.context else None
        return Span(source, at, min(at + 1, len(source.text))), error.problem or "", opened, error.context or ""
    bad = re.search(
        "[^\\x09\\x0a\\x0d\\x20-\\x7e\\x85\\xa0-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]", source.text
    )
    at = bad.start() if bad else 0
    return Span(source, at, min(at + 1, len(source.text))), "this character is not allowed in YAML", None, ""


class _StopReading(Exception):  # noqa: N818 - a signal
    """No use in reading on."""


@dataclass(eq=False, slots=True)
class _Open:
    """A list or mapping that is not closed yet."""

    node: Sequence | Mapping
    anchor: str | None
    flow: bool
    size: int = 1
    key: Scalar | None = None
    keys: dict[str, Scalar] | None = None


class _Composer:
    """Makes the tree of events, with a stack of its own, so that depth costs no recursion."""

    def __init__(self, source: Source, collector: Collector) -> None:
        self.source, self.collector = source, collector
        self.root: Node | None = None
        self.stack: list[_Open] = []
        self.anchors: dict[str, tuple[Node, int]] = {}
        self.aliases = self.aliased = self.nodes = 0
        self.documents = 0

    def take(self, event: Any) -> None:
        handler = self._HANDLERS.get(type(event))
        if handler is not None:
            handler(self, event)

    def span(self, event: Any) -> Span:
        return Span(self.source, event.start_mark.index, event.end_mark.index)

    def stop(self, diagnostic: Any) -> None:
        self.collector.add(diagnostic)
        raise _StopReading

    def document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            self.stop(errors.several_documents(self.span(event)))

    def scalar(self, event: Any) -> None:
        span, text = self.span(event), event.value
        plain = event.style in (None, "")
        self.refuse_tag(event, span)
        shift = 0 if plain else 1
        exact = span.end - span.start == len(text) + 2 * shift and span.source.text.startswith(text, span.start + shift)
        node = Scalar(text, plain, span, exact)
        if plain and self.stack and self.stack[-1].flow and text.count("(") > text.count(")"):
            self.flow_trap(node)
        self.add(node, event.anchor, 1)

    def flow_trap(self, node: Scalar) -> None:
        """`[conv(64, 3), relu]`: YAML cuts at the comma within the brackets."""
        open_ = self.stack[-1]
        if not open_.node.broken:
            self.collector.add(errors.flow_trap(node.span, open_.node.span, isinstance(open_.node, Mapping)))
        for outer in self.stack:
            if outer.flow:
                outer.node.broken = True

    def refuse_tag(self, event: Any, span: Span) -> None:
        if event.tag is not None:
            self.collector.add(errors.unknown_tag(span, event.tag))

    def start(self, event: Any) -> None:
        span = self.span(event)
        self.refuse_tag(event, span)
        if len(self.stack) >= limits.NESTING:
            self.stop(errors.nested_too_deeply(span, limits.NESTING))
        mapping = isinstance(event, yaml.MappingStartEvent)
        tagged = event.tag is not None
        node: Sequence | Mapping = Mapping([], span, tagged) if mapping else Sequence([], span, tagged)
        self.stack.append(_Open(node, event.anchor, bool(event.flow_style), keys={} if mapping else None))

    def end(self, event: Any) -> None:
        open_ = self.stack.pop()
        node = open_.node
        end = event.end_mark.index if open_.flow else self.trimmed(event.start_mark.index)
        node.span = Span(self.source, node.span.start, max(node.span.start, end))
        self.add(node, open_.anchor, open_.size)

    def trimmed(self, end: int) -> int:
        """A block collection ends where its text does, not where the next one begins."""
        return (
            len(self.source.text[:end].rstrip())
            if end - 4096 < 0
            else end - 4096 + len(self.source.text[end - 4096 : end].rstrip())
        )

    def alias(self, event: Any) -> None:
        span = self.span(event)
        if event.anchor not in self.anchors:
            self.stop(errors.unknown_alias(span, event.anchor))
        node, size = self.anchors[event.anchor]
        self.aliases += 1
        self.aliased += size
        if self.aliases > limits.ALIASES or self.aliased > limits.ALIASED_NODES:
            self.stop(errors.too_many_aliases(span, limits.ALIASES, limits.ALIASED_NODES))
        self.add(node, None, size)

    def add(self, node: Node, anchor: str | None, size: int) -> None:
        """Put a finished node into what is around it."""
        self.nodes += 1
        if self.nodes > limits.YAML_NODES:
            self.stop(errors.too_many_values(node.span, limits.YAML_NODES))
        if anchor is not None:
            self.anchors[anchor] = (node, size)
        if not self.stack:
            self.root = node
            return
        around = self.stack[-1]
        around.size += size
        if isinstance(node, Scalar) and (around.key is not None or isinstance(around.node, Sequence)):
            self.refuse_large(node)
        if isinstance(around.node, Sequence):
            around.node.items.append(node)
        elif around.key is None:
            around.key = self.as_key(node)
        else:
            self.entry(around, around.key, node)
            around.key = None

    def refuse_large(self, node: Scalar) -> None:
        """A number that is none of 64 bits would be text, or infinite, without a word."""
        if node.plain and _NO_NUMBER.fullmatch(node.text):
            self.collector.add(errors.no_value(node.span, "this is no finite real number"))
        if not node.plain or not _FLOAT.fullmatch(node.text):
            return
        value = node.value
        if isinstance(value, str) or not -limits.INTEGER < value < limits.INTEGER:
            self.collector.add(errors.number_too_large(node.span))

    def as_key(self, node: Node) -> Scalar:
        if not isinstance(node, Scalar):
            self.collector.add(errors.key_not_text(node.span))
            return Scalar("?", True, node.span, False)
        return node

    def entry(self, around: _Open, key: Scalar, value: Node) -> None:
        assert around.keys is not None and isinstance(around.node, Mapping)
        if key.text in around.keys:
            self.collector.add(errors.duplicate_key(key.span, key.text, around.keys[key.text].span))
            return
        around.keys[key.text] = key
        around.node.entries.append((key, value))

    _HANDLERS: Any = {
        yaml.ScalarEvent: scalar,
        yaml.SequenceStartEvent: start,
        yaml.MappingStartEvent: start,
        yaml.SequenceEndEvent: end,
        yaml.MappingEndEvent: end,
        yaml.AliasEvent: alias,
        yaml.DocumentStartEvent: document,
    }
