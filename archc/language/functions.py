"""The functions of expressions. Rules 40 to 43 of the language."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from archc.language import limits
from archc.language.values import Function, is_layer, is_list

FUNCTIONS: dict[str, Function] = {}


def _function(signature: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def declare(call: Callable[..., Any]) -> Callable[..., Any]:
        name = signature.split("(")[0]
        FUNCTIONS[name] = Function(name, signature, call)
        return call

    return declare


class Misuse(Exception):  # noqa: N818 - says what is wanted
    """The function can't take these values; the text says what it takes."""


def _numbers(*values: Any) -> None:
    for value in values:
        if not isinstance(value, int | float):
            raise Misuse("numbers")


def _list(value: Any) -> list[Any]:
    if not is_list(value):
        raise Misuse("a list")
    return value


def _to_int(call: Callable[[Any], Any], value: Any) -> int:
    _numbers(value)
    if not math.isfinite(value):
        raise Misuse("a finite number")
    return int(call(value))


@_function("make_divisible(v, divisor=8, min_value=None, round_limit=0.9)")
def make_divisible(v: Any, divisor: Any = 8, min_value: Any = None, round_limit: Any = 0.9) -> int:
    """The multiple of ``divisor`` nearest to ``v``, at least ``round_limit * v`` (MobileNetV2's rule)."""
    _numbers(v, divisor, round_limit, min_value if min_value is not None else 0)
    if not isinstance(divisor, int) or divisor < 1:
        raise Misuse("a divisor of 1 or more")
    n = max(min_value or divisor, int(v + divisor / 2) // divisor * divisor)
    return n + divisor if n < round_limit * v else n


def _extreme(call: Callable[[Any], Any], values: tuple[Any, ...]) -> Any:
    items = _list(values[0]) if len(values) == 1 else list(values)
    if not items:
        raise Misuse("at least one number")
    _numbers(*items)
    return call(items)


@_function("min(a, b, …)")
def _min(*values: Any) -> Any:
    return _extreme(min, values)


@_function("max(a, b, …)")
def _max(*values: Any) -> Any:
    return _extreme(max, values)


@_function("int(v)")
def _int(v: Any) -> int:
    return _to_int(int, v)


@_function("float(v)")
def _float(v: Any) -> float:
    _numbers(v)
    return float(v)


@_function("round(v)")
def _round(v: Any) -> int:
    return _to_int(round, v)


@_function("ceil(v)")
def _ceil(v: Any) -> int:
    return _to_int(math.ceil, v)


@_function("floor(v)")
def _floor(v: Any) -> int:
    return _to_int(math.floor, v)


@_function("abs(v)")
def _abs(v: Any) -> Any:
    _numbers(v)
    return abs(v)


@_function("sqrt(v)")
def _sqrt(v: Any) -> float:
    _numbers(v)
    return math.sqrt(v)


@_function("log(v, base=e)")
def _log(v: Any, base: Any = None) -> float:
    _numbers(v, 1 if base is None else base)
    return math.log(v) if base is None else math.log(v, base)


@_function("log2(v)")
def _log2(v: Any) -> float:
    _numbers(v)
    return math.log2(v)


@_function("len(list)")
def _len(v: Any) -> int:
    if not isinstance(v, str) and not is_list(v):
        raise Misuse("a list or a text")
    return len(v)


@_function("sum(list)")
def _sum(v: Any) -> Any:
    items = _list(v)
    _numbers(*items)
    return sum(items)


@_function("range(stop) or range(start, stop, step=1)")
def _range(*values: Any) -> list[int]:
    if not 1 <= len(values) <= 3 or not all(isinstance(v, int) and not isinstance(v, bool) for v in values):
        raise Misuse("one to three integers")
    if len(values) == 3 and values[2] == 0:
        raise Misuse("a step other than 0")
    found = range(*values)
    if len(found) > limits.LIST:
        raise Misuse(f"at most {limits.LIST:,} numbers, not {len(found):,}")
    return list(found)


@_function("zip(list, list, …)")
def _zip(*values: Any) -> list[list[Any]]:
    lists = [_list(v) for v in values]
    if len({len(v) for v in lists}) > 1:
        raise Misuse("lists of one length, not of " + " and ".join(str(len(v)) for v in lists))
    return [list(items) for items in zip(*lists, strict=True)]


@_function("enumerate(list, start=0)")
def _enumerate(v: Any, start: Any = 0) -> list[list[Any]]:
    if not isinstance(start, int):
        raise Misuse("an integer to start from")
    return [[i, item] for i, item in enumerate(_list(v), start)]


@_function("reversed(list)")
def _reversed(v: Any) -> list[Any]:
    return _list(v)[::-1]


@_function("sorted(list)")
def _sorted(v: Any) -> list[Any]:
    try:
        return sorted(_list(v))
    except TypeError:
        raise Misuse("a list of values that can be compared") from None


@_function("set(list)")
def _set(v: Any) -> list[Any]:
    """The first of equals, in order."""
    kept: dict[Any, Any] = {}
    for item in _list(v):
        kept.setdefault(_hashable(item), item)
    return list(kept.values())


def _hashable(value: Any) -> Any:
    """What is equal for values that are the same, and for no others."""
    if is_list(value):
        return tuple(map(_hashable, value))
    return id(value) if is_layer(value) else (isinstance(value, str), value)


@_function("list(list)")
def _as_list(v: Any) -> list[Any]:
    return list(_list(v))


def same(a: Any, b: Any) -> bool:
    """`==`: ops and blocks by identity, a call equals nothing, lists item by item."""
    if is_layer(a) or is_layer(b):
        return a is b and isinstance(a, type) | hasattr(a, "parameters")
    if is_list(a) and is_list(b):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)
