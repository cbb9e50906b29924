"""Finding how one vector of numbers follows from others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations, permutations
from typing import Any

from archc.backends._source.expression import Binary, Expression, Literal, Name
from archc.backends._source.template import ABSENT

Vectors = Mapping[str, Sequence[Any]]
_MOST_FACTOR = 64


def _is_int(v: Any) -> bool:
    return isinstance(v, int) and not isinstance(v, bool)


def _places(wanted: Sequence[Any], vectors: Sequence[Sequence[Any]]) -> list[int] | None:
    """The instances that have the wanted value; None unless all is integers there."""
    places = [i for i, w in enumerate(wanted) if w is not ABSENT]
    if not places or not all(_is_int(wanted[i]) and all(_is_int(v[i]) for v in vectors) for i in places):
        return None
    return places


def combine(wanted: Sequence[Any], vectors: Vectors) -> Expression | None:
    """``k * p``, ``p // k``, ``p * q``, ``p // q`` or ``p + q`` that gives the wanted integers in every instance."""
    scaled: list[tuple[int, Expression]] = []
    for name, values in vectors.items():
        places = _places(wanted, [values])
        if places and (found := _scaled(name, [wanted[i] for i in places], [values[i] for i in places])):
            scaled.append(found)
    return min(scaled, key=lambda pair: pair[0])[1] if scaled else _paired(wanted, vectors)


def _scaled(name: str, wanted: list[int], values: list[int]) -> tuple[int, Expression] | None:
    """With its factor: of two that fit, the smaller is the likelier."""
    w, p = max(zip(wanted, values, strict=True), key=lambda pair: pair[1])
    if p <= 0 or w <= 0:
        return None
    times = w // p
    if w % p == 0 and times <= _MOST_FACTOR and all(a == times * b for a, b in zip(wanted, values, strict=True)):
        return times, Binary("*", Literal(times), Name(name))
    for factor in range(max(2, p // (w + 1)), min(p // w, _MOST_FACTOR) + 1):
        if all(a == b // factor for a, b in zip(wanted, values, strict=True)):
            return factor, Binary("//", Name(name), Literal(factor))
    return None


_OPERATIONS: dict[str, Callable[[int, int], int | None]] = {
    "*": lambda a, b: a * b,
    "+": lambda a, b: a + b,
    "//": lambda a, b: a // b if b else None,
}


def _paired(wanted: Sequence[Any], vectors: Vectors) -> Expression | None:
    for symbol, operation in _OPERATIONS.items():
        pairs = permutations(vectors, 2) if symbol == "//" else combinations(vectors, 2)
        for left, right in pairs:
            a, b = vectors[left], vectors[right]
            places = _places(wanted, [a, b])
            if places and all(wanted[i] == operation(a[i], b[i]) for i in places):
                return Binary(symbol, Name(left), Name(right))
    return None


def test(wanted: Sequence[Any], vectors: Vectors) -> Expression | None:
    """A condition over the parameters that is true in just the wanted instances."""
    for condition, values in _conditions(vectors):
        if all(w is ABSENT or w == v for w, v in zip(wanted, values, strict=True)):
            return condition
    return None


def _conditions(vectors: Vectors) -> Iterator[tuple[Expression, list[bool]]]:
    numbers = {n: v for n, v in vectors.items() if all(map(_is_int, v))}
    for name, values in numbers.items():
        yield Binary("!=", Name(name), Literal(1)), [v != 1 for v in values]
    for a, b in combinations(numbers, 2):
        differ = [x != y for x, y in zip(numbers[a], numbers[b], strict=True)]
        yield Binary("!=", Name(a), Name(b)), differ
        for other in (n for n in numbers if n not in (a, b)):
            yield from _with_stride(other, numbers[other], a, b, differ)


def _with_stride(
    other: str, steps: Sequence[int], a: str, b: str, differ: list[bool]
) -> Iterator[tuple[Expression, list[bool]]]:
    """``stride == 1 and a == b``, the usual condition of a shortcut, and its opposite."""
    changed = [s != 1 or d for s, d in zip(steps, differ, strict=True)]
    one, both = Literal(1), (Name(a), Name(b))
    yield Binary("and", Binary("==", Name(other), one), Binary("==", *both)), [not c for c in changed]
    yield Binary("or", Binary("!=", Name(other), one), Binary("!=", *both)), changed
