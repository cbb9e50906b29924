"""The kinds of arguments that ops take. A size is kept as a tuple, height first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, cast

from archc.ops.base import Kind

MAX = 3.4028234663852886e38  # of float32, in which the network computes


def _is_int(v: Any) -> bool:
    return isinstance(v, int) and not isinstance(v, bool)


def _refuse_whole_float(v: Any) -> None:
    if isinstance(v, float) and v.is_integer():
        raise ValueError(f"this is the number {v!r}; `int(…)`, `round(…)` and `//` give integers")


def integer(least: int | None = None) -> Kind:
    expected = "an integer" if least is None else f"an integer of {least} or more"

    def check(v: Any) -> int:
        _refuse_whole_float(v)
        if not _is_int(v) or (least is not None and v < least):
            raise ValueError
        return v

    return Kind(expected, check)


def number(low: float | None = None, high: float | None = None) -> Kind:
    expected = "a number" + (
        f" from {low:g} to {high:g}"
        if low is not None and high is not None
        else f" of {low:g} or more"
        if low is not None
        else ""
    )

    def check(v: Any) -> float:
        if isinstance(v, bool) or not isinstance(v, int | float):
            raise ValueError
        if not abs(v) <= MAX:
            raise ValueError("this is too large" if v == v else "this is no number")
        if (low is not None and not v >= low) or (high is not None and not v <= high):
            raise ValueError
        return float(v)

    return Kind(expected, check)


def size(rank: int, least: int | None) -> Kind:
    expected = integer(least).expected + (f", or a list of {rank}" if rank > 1 else "")

    def check(v: Any) -> tuple[int, ...]:
        _refuse_whole_float(v)
        values = list(cast("list[Any]", v)) if isinstance(v, list | tuple) else [v] * rank
        if len(values) != rank:
            raise ValueError(f"this is a list of {len(values)}")
        if not all(_is_int(i) and (least is None or i >= least) for i in values):
            raise ValueError
        return tuple(values)

    return Kind(expected, check)


def optional(kind: Kind) -> Kind:
    return Kind(f"{kind.expected}, or None", lambda v: None if v is None else kind.check(v))


def choice(*values: str) -> Kind:
    def check(v: Any) -> str:
        if v not in values or not isinstance(v, str):
            raise ValueError
        return v

    return Kind("one of " + ", ".join(f'"{v}"' for v in values), check)


def _boolean(v: Any) -> bool:
    if not isinstance(v, bool):
        raise ValueError
    return v


def _list_of(kind: Kind, v: Any) -> tuple[Any, ...]:
    if not isinstance(v, list | tuple):
        raise ValueError
    return tuple(kind.check(i) for i in cast("list[Any]", v))


def list_of(kind: Kind, what: str) -> Kind:
    return Kind(f"a list of {what}", lambda v: _list_of(kind, v))


Int = Annotated[int, integer()]
Positive = Annotated[int, integer(1)]
Natural = Annotated[int, integer(0)]
Float = Annotated[float, number()]
Momentum = Annotated[float | None, optional(number(0, 1))]
NonNegative = Annotated[float, number(0)]
Probability = Annotated[float, number(0, 1)]
BOOLEAN = Kind("true or false", _boolean)
Bool = Annotated[bool, BOOLEAN]
Positive2 = Annotated[tuple[int, ...], size(2, 1)]
Natural2 = Annotated[tuple[int, ...], size(2, 0)]
Positive1 = Annotated[tuple[int, ...], size(1, 1)]
Natural1 = Annotated[tuple[int, ...], size(1, 0)]


def compact(v: tuple[Any, ...]) -> Any:
    """(3, 3) as 3, since that is how people write it."""
    return v[0] if len(set(v)) == 1 else v


def compacted(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments with each size as people write it."""
    return {name: compact(cast("tuple[Any, ...]", v)) if isinstance(v, tuple) else v for name, v in arguments.items()}


def written(value: Any) -> Any:
    """A default as the user writes it; the op keeps it as its kind makes it."""
    return value
