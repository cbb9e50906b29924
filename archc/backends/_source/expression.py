"""The small arithmetic in which constructor arguments are written: literals, parameters, and a few operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

_BINDING = {"or": 1, "and": 2, "==": 4, "!=": 4, "+": 5, "*": 6, "//": 6}
_ATOM = 9


@dataclass(frozen=True)
class ClassName:
    """A class as a value: ``nn.ReLU``."""

    name: str


@dataclass(frozen=True)
class Literal:
    """A number, truth, text, tuple, None or class."""

    value: Any


@dataclass(frozen=True)
class Name:
    """A parameter of the constructor."""

    name: str


@dataclass(frozen=True)
class Item:
    """An element of a parameter that is a tuple."""

    name: str
    index: int


@dataclass(frozen=True)
class Binary:
    symbol: str
    left: Expression
    right: Expression


Expression = Literal | Name | Item | Binary


def literal(value: Any) -> str:
    """The value as a formatter leaves it: text in double quotes."""
    if isinstance(value, ClassName):
        return value.name
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, tuple):
        items = cast(tuple[Any, ...], value)
        inner = ", ".join(literal(v) for v in items)
        return f"({inner},)" if len(items) == 1 else f"({inner})"
    if isinstance(value, float):
        return repr(value).replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
    return repr(value)


def quoted(text: str) -> str:
    """A string literal in double quotes, where that needs no more escapes than single ones."""
    body = repr(text)[1:-1]
    if repr(text)[0] == '"':
        return f'"{body}"'
    return f"'{text}'" if '"' in text and "\\" not in body else '"' + body.replace('"', '\\"') + '"'


def written(e: Expression) -> str:
    """The expression as text."""
    return _written(e)[0]


def _written(e: Expression) -> tuple[str, int]:
    match e:
        case Literal(value=value):
            return literal(value), _ATOM
        case Name(name=name):
            return name, _ATOM
        case Item(name=name, index=index):
            return f"{name}[{index}]", _ATOM
        case Binary(symbol=symbol, left=left, right=right):
            strength = _BINDING[symbol]
            return f"{_operand(left, strength)} {symbol} {_operand(right, strength + 1)}", strength


def _operand(e: Expression, least: int) -> str:
    text, strength = _written(e)
    return text if strength >= least else f"({text})"


def substitute(e: Expression, values: Mapping[str, Expression]) -> Expression:
    """The expression with parameters replaced."""
    match e:
        case Literal():
            return e
        case Name(name=name):
            return values.get(name, e)
        case Item(name=name, index=index):
            whole = values.get(name, Name(name))
            return Item(whole.name, index) if isinstance(whole, Name) else _element(whole, index)
        case Binary(symbol=symbol, left=left, right=right):
            return Binary(symbol, substitute(left, values), substitute(right, values))


def _element(whole: Expression, index: int) -> Expression:
    assert isinstance(whole, Literal), "a tuple is given as a literal or as a parameter"
    return Literal(whole.value[index])


def names_in(e: Expression) -> set[str]:
    match e:
        case Literal():
            return set()
        case Name(name=name) | Item(name=name):
            return {name}
        case Binary(left=left, right=right):
            return names_in(left) | names_in(right)
