"""Breaking long statements over lines the way ``ruff format`` does, so that the written file needs no formatter.

Statements come in on one line. A line that is too long is parsed, and its outermost bracket is opened: what is
inside goes on one line if it fits, else one element a line with a trailing comma (a sole element has none).
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import cached_property

WIDTH = 120
STEP = 4


def lay_out(statement: str, indent: int = 0) -> list[str]:
    """The statement's lines, indented by ``indent`` columns and none wider than 120 where a bracket allows it."""
    line = " " * indent + statement
    if len(line) <= WIDTH:
        return [line]
    return _Statement(statement, indent).lines()


class _Statement:
    """One statement that does not fit on its line."""

    def __init__(self, text: str, indent: int) -> None:
        self.text, self.indent = text, indent

    @cached_property
    def _offsets(self) -> list[int]:
        """UTF-8 offset → index of the character, as ``ast`` counts bytes."""
        offsets: list[int] = []
        for i, character in enumerate(self.text):
            offsets += [i] * len(character.encode())
        return [*offsets, len(self.text)]

    def _source(self, node: ast.expr) -> str:
        assert node.end_col_offset is not None
        return self.text[self._offsets[node.col_offset] : self._offsets[node.end_col_offset]]

    def lines(self) -> list[str]:
        if self.text.startswith("def "):
            return self._definition()
        statement = ast.parse(self.text).body[0]
        match statement:
            case ast.Assign(targets=[target], value=value) if isinstance(target, ast.Tuple):
                return self._unpacking(target, value)
            case ast.Assign(targets=[target], value=value):
                return self._expression(value, f"{self._source(target)} = ", "", self.indent)
            case ast.Return(value=ast.expr() as value):
                return self._expression(value, "return ", "", self.indent)
            case ast.Expr(value=value):
                return self._expression(value, "", "", self.indent)
            case _:
                return [" " * self.indent + self.text]

    def _definition(self) -> list[str]:
        opening = self.text.index("(")
        closing = self.text.rindex(")")
        parameters = _split_parameters(self.text[opening + 1 : closing])
        pad, inner = " " * self.indent, " " * (self.indent + STEP)
        one = inner + ", ".join(parameters)
        body = [one] if len(one) <= WIDTH else [f"{inner}{p}," for p in parameters]
        return [pad + self.text[: opening + 1], *body, pad + self.text[closing:]]

    def _unpacking(self, target: ast.Tuple, value: ast.expr) -> list[str]:
        pad = " " * self.indent
        names = [self._source(e) for e in target.elts]
        head = pad + ", ".join(names) + " = "
        first = self._expression(value, head.lstrip(), "", self.indent)
        if all(len(line) <= WIDTH for line in first):
            return first
        return [f"{pad}(", *(f"{pad}    {n}," for n in names), *self._expression(value, ") = ", "", self.indent)]

    def _expression(self, node: ast.expr, before: str, after: str, indent: int, *, bare: bool = True) -> list[str]:
        """``before``, the expression and ``after`` on lines; ``bare`` says that brackets must be added to break it."""
        pad = " " * indent
        line = f"{pad}{before}{self._source(node)}{after}"
        if len(line) <= WIDTH:
            return [line]
        match node:
            case ast.Call(func=func, args=args, keywords=keywords):
                return self._call(func, args, keywords, before, after, indent)
            case ast.List(elts=elements) | ast.Set(elts=elements):
                return self._bracketed("[", self._parts(elements), "]", before, after, indent)
            case ast.Tuple(elts=elements):
                return self._bracketed("(", self._parts(elements), ")", before, after, indent, spread=bare)
            case ast.Dict(keys=keys, values=values):
                pairs = [(f"{self._source(k)}: ", v) for k, v in zip(keys, values, strict=True) if k is not None]
                return self._bracketed("{", pairs, "}", before, after, indent, spread=True)
            case ast.Starred(value=value):
                return self._starred(value, before, after, indent)
            case ast.GeneratorExp():
                return [pad + before + "(", *self._generator(node, indent + STEP), pad + ")" + after]
            case ast.IfExp() | ast.BinOp() if bare:
                return [pad + before + "(", *self._operands(node, indent + STEP), pad + ")" + after]
            case ast.IfExp() | ast.BinOp():
                lines = self._operands(node, indent)
                lines[0] = pad + before + lines[0].lstrip()
                lines[-1] += after
                return lines
            case _:
                return [line]

    def _parts(self, elements: Sequence[ast.expr]) -> list[tuple[str, ast.expr]]:
        return [("", e) for e in elements]

    def _call(
        self, func: ast.expr, args: list[ast.expr], keywords: list[ast.keyword], before: str, after: str, indent: int
    ) -> list[str]:
        name = self._source(func)
        if not keywords and len(args) == 1 and isinstance(args[0], ast.GeneratorExp):
            pad = " " * indent
            return [f"{pad}{before}{name}(", *self._generator(args[0], indent + STEP), f"{pad}){after}"]
        parts = [*self._parts(args), *((f"{k.arg}=", k.value) for k in keywords)]
        return self._bracketed(name + "(", parts, ")", before, after, indent)

    def _bracketed(
        self,
        opening: str,
        parts: list[tuple[str, ast.expr]],
        closing: str,
        before: str,
        after: str,
        indent: int,
        *,
        spread: bool = False,
    ) -> list[str]:
        """Elements between brackets: on one line if they fit and need not be ``spread``, else one a line."""
        pad, inner = " " * indent, " " * (indent + STEP)
        one = inner + ", ".join(prefix + self._source(e) for prefix, e in parts)
        lines = [f"{pad}{before}{opening}"]
        collection = opening in ("[", "(", "{")
        if len(one) <= WIDTH and not spread and not (collection and len(parts) > 1):
            lines.append(one)
        else:
            comma = "," if len(parts) > 1 else ""
            for prefix, element in parts:
                lines += self._expression(element, prefix, comma, indent + STEP, bare=False)
        return [*lines, f"{pad}{closing}{after}"]

    def _starred(self, value: ast.expr, before: str, after: str, indent: int) -> list[str]:
        pad = " " * indent
        if isinstance(value, ast.IfExp):
            return [f"{pad}{before}*(", *self._operands(value, indent + STEP), f"{pad}){after}"]
        if isinstance(value, ast.GeneratorExp):
            return [f"{pad}{before}*(", *self._generator(value, indent + STEP), f"{pad}){after}"]
        return self._expression(value, f"{before}*", after, indent, bare=False)

    def _generator(self, node: ast.GeneratorExp, indent: int) -> list[str]:
        (loop,) = node.generators
        tail = f"for {self._source(loop.target)} in {self._source(loop.iter)}"
        one = f"{' ' * indent}{self._source(node.elt)} {tail}"
        if len(one) <= WIDTH:
            return [one]
        return [*self._expression(node.elt, "", "", indent, bare=False), " " * indent + tail]

    def _operands(self, node: ast.expr, indent: int) -> list[str]:
        """A conditional or a sum without its brackets: on one line, or broken before its operators."""
        pad = " " * indent
        if len(pad + self._source(node)) <= WIDTH:
            return [pad + self._source(node)]
        if isinstance(node, ast.IfExp):
            condition = f"{pad}if {self._source(node.test)}"
            return [
                *self._expression(node.body, "", "", indent, bare=False),
                condition,
                *self._expression(node.orelse, "else ", "", indent, bare=False),
            ]
        terms, symbol = self._terms(node)
        lines = self._expression(terms[0], "", "", indent, bare=False)
        for term in terms[1:]:
            lines += self._expression(term, f"{symbol} ", "", indent, bare=False)
        return lines

    def _terms(self, node: ast.expr) -> tuple[list[ast.expr], str]:
        """The operands of a chain of one operator, from the left."""
        assert isinstance(node, ast.BinOp)
        symbol = "+" if isinstance(node.op, ast.Add) else "*"
        terms: list[ast.expr] = []
        rest: ast.expr = node
        while isinstance(rest, ast.BinOp) and type(rest.op) is type(node.op):
            terms.append(rest.right)
            rest = rest.left
        return [rest, *reversed(terms)], symbol


def _split_parameters(text: str) -> list[str]:
    """The parameters of a ``def``, split at the commas outside brackets."""
    parts, depth, start = list[str](), 0, 0
    for i, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    return [*parts, text[start:].strip()]
