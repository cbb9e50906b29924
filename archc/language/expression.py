"""Expressions: a subset of Python's, read with Python's own parser and checked here, never compiled or run by it."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass, field
from functools import lru_cache

from archc.diagnostics import errors
from archc.diagnostics.collector import Collector
from archc.diagnostics.span import Span
from archc.language import limits
from archc.language.syntax import Scalar

BINARY = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
UNARY = (ast.USub, ast.UAdd, ast.Not)
COMPARE = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn)
_ALLOWED = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.And, ast.Or, ast.Compare, ast.IfExp, ast.Call,
    ast.keyword, ast.Name, ast.Load, ast.Store, ast.Constant, ast.List, ast.Tuple, ast.Subscript, ast.Slice,
    ast.ListComp, ast.GeneratorExp, ast.comprehension, ast.Attribute, *BINARY, *UNARY, *COMPARE,
)  # fmt: skip
_NAMES: dict[type[ast.AST], str] = {
    ast.Lambda: "a lambda", ast.JoinedStr: "an f-string", ast.Dict: "a dictionary", ast.Set: "a set",
    ast.NamedExpr: "an assignment", ast.Starred: "a `*`", ast.Await: "await", ast.DictComp: "a dictionary",
    ast.SetComp: "a set", ast.BitAnd: "`&`", ast.BitOr: "`|`", ast.BitXor: "`^`", ast.LShift: "`<<`",
    ast.RShift: "`>>`", ast.MatMult: "`@`", ast.Invert: "`~`", ast.Is: "`is`", ast.IsNot: "`is not`",
}  # fmt: skip


@dataclass(eq=False, slots=True)
class Expression:
    """A checked expression, and how its nodes' columns become places."""

    tree: ast.expr
    text: str
    scalar: Scalar
    offset: int  # of the text in the scalar
    places: dict[tuple[int, int], Span] = field(default_factory=dict[tuple[int, int], Span])  # those asked for so far

    @property
    def span(self) -> Span:
        return self.columns(0, len(self.text.encode()))

    def place(self, node: ast.AST) -> Span:
        """Where a node of the tree stands."""
        start = getattr(node, "col_offset", None)
        end = getattr(node, "end_col_offset", None)
        if start is None or end is None:
            return self.span
        return self.columns(start, end)

    def columns(self, start: int, end: int) -> Span:
        """The place between two of Python's columns, which count bytes of UTF-8."""
        found = self.places.get((start, end))
        if found is None:
            first, last = (start, end) if self.text.isascii() else (self._characters(start), self._characters(end))
            found = self.places[start, end] = self.scalar.part(self.offset + first, self.offset + last)
        return found

    def _characters(self, count: int) -> int:
        """How many characters so many bytes are."""
        return len(self.text.encode()[:count].decode(errors="ignore"))


@dataclass(frozen=True, slots=True)
class _Mistake:
    """What is wrong in an expression's text, with byte columns."""

    kind: str  # "syntax", "forbidden", "large"
    detail: str
    start: int
    end: int


def parse_expression(scalar: Scalar, collector: Collector, start: int = 0, end: int | None = None) -> Expression | None:
    """The expression in characters ``start`` to ``end`` of a scalar; None, and a diagnostic, where it is none."""
    raw = scalar.text[start:end]
    text = raw.strip()
    offset = start + (len(raw) - len(raw.lstrip()))
    return checked(_read(text), text, scalar, offset, collector)


def parse_target(scalar: Scalar, collector: Collector, start: int, end: int) -> Expression | None:
    """The target of a `for`: a name, or nested names in brackets or with commas."""
    expression = parse_expression(scalar, collector, start, end)
    if expression is not None and not _fits_target(expression.tree):
        collector.add(errors.bad_target(expression.span))
        return None
    return expression


def _fits_target(tree: ast.expr) -> bool:
    names = [n.id for n in ast.walk(tree) if isinstance(n, ast.Name)]
    return _is_target(tree) and len(set(names)) == len(names)


def _is_target(tree: ast.expr) -> bool:
    if isinstance(tree, ast.Tuple | ast.List):
        return bool(tree.elts) and all(_is_target(e) for e in tree.elts)
    return isinstance(tree, ast.Name)


def checked(
    found: ast.expr | _Mistake, text: str, scalar: Scalar, offset: int, collector: Collector
) -> Expression | None:
    if not isinstance(found, _Mistake):
        return Expression(found, text, scalar, offset)
    span = Expression(ast.Constant(None), text, scalar, offset).columns(found.start, max(found.end, found.start + 1))
    if found.kind == "syntax":
        collector.add(errors.expression_syntax(span, found.detail, text))
    elif found.kind == "forbidden":
        collector.add(errors.forbidden_syntax(span, found.detail))
    else:
        collector.add(errors.expression_too_large(span, found.detail))
    return None


@lru_cache(maxsize=4096)
def _read(text: str) -> ast.expr | _Mistake:
    """Texts repeat, across calls and across variants of a file, so trees are kept."""
    size = len(text.encode(errors="replace"))
    if not text:
        return _Mistake("syntax", "here is nothing", 0, 0)
    if len(text) > limits.EXPRESSION_CHARACTERS:
        return _Mistake("large", f"it has more than {limits.EXPRESSION_CHARACTERS} characters", 0, size)
    flat = text.replace("\n", " ").replace("\t", " ")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(flat, mode="eval").body
    except SyntaxError as error:
        return _syntax_mistake(error, size)
    except (RecursionError, MemoryError, ValueError):
        return _Mistake("large", "its brackets or operators are nested too deeply", 0, size)
    return _forbidden(tree) or tree


def _syntax_mistake(error: SyntaxError, size: int) -> _Mistake:
    start = max(0, min((error.offset or 1) - 1, size))
    end = error.end_offset - 1 if error.end_offset and error.end_offset - 1 > start else start + 1
    message = (error.msg or "invalid syntax").split(". Perhaps")[0]
    if "too many nested" in message:
        return _Mistake("large", "its brackets are nested too deeply", 0, size)
    return _Mistake("syntax", message, min(start, max(0, size - 1)), max(1, min(end, size)))


def _forbidden(tree: ast.expr) -> _Mistake | None:
    """The first thing that the language does not have; None where all is well. Walks without recursion."""
    stack: list[tuple[ast.AST, int, ast.AST]] = [(tree, 1, tree)]
    while stack:
        node, depth, around = stack.pop()
        if isinstance(node, ast.expr | ast.keyword):
            around = node
        start, end = getattr(around, "col_offset", 0), getattr(around, "end_col_offset", 1)
        if depth > limits.EXPRESSION_DEPTH:
            return _Mistake("large", f"it is nested deeper than {limits.EXPRESSION_DEPTH} levels", start, end)
        what = _what_is_forbidden(node)
        if what is not None:
            return _Mistake("forbidden", what, start, end)
        stack += [(child, depth + isinstance(child, ast.expr), around) for child in ast.iter_child_nodes(node)]
    return None


def _what_is_forbidden(node: ast.AST) -> str | None:
    if not isinstance(node, _ALLOWED):
        return _NAMES.get(type(node), f"`{type(node).__name__.lower()}`")
    if isinstance(node, ast.Constant) and not isinstance(node.value, int | float | str | None):
        return "this constant" if node.value is not Ellipsis else "`...`"
    if isinstance(node, ast.Attribute) and (node.attr != "channels" or not _is_tensor_name(node.value)):
        return f"the attribute `.{node.attr}`"
    if isinstance(node, ast.keyword) and node.arg is None:
        return "`**`"
    if isinstance(node, ast.comprehension) and node.is_async:
        return "async"
    if isinstance(node, ast.comprehension) and not _fits_target(node.target):
        return "this target of a comprehension"
    return None


def _is_tensor_name(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) or (isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name))
