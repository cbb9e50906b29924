"""Alignment of two sequences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
_MOST = 40_000  # pairs that are compared; longer lists are taken as they stand


def align(a: Sequence[T], b: Sequence[T], likeness: Callable[[T, T], float]) -> list[tuple[T | None, T | None]]:
    """Pairs in the order of both, so that the likenesses add up to the most; None where one has nothing to pair.

    Needleman and Wunsch 1970. Elements of likeness 0 are never paired.
    """
    if len(a) * len(b) > _MOST:
        return [*((x, None) for x in a), *((None, y) for y in b)]
    best = _scores(a, b, likeness)
    pairs: list[tuple[T | None, T | None]] = []
    i, j = len(a), len(b)
    while i and j:
        alike = likeness(a[i - 1], b[j - 1])
        if alike > 0 and best[i][j] == best[i - 1][j - 1] + alike:
            i, j = i - 1, j - 1
            pairs.append((a[i], b[j]))
        elif best[i][j] == best[i - 1][j]:
            i -= 1
            pairs.append((a[i], None))
        else:
            j -= 1
            pairs.append((None, b[j]))
    pairs += [(x, None) for x in reversed(a[:i])]
    pairs += [(None, y) for y in reversed(b[:j])]
    return pairs[::-1]


def _scores(a: Sequence[T], b: Sequence[T], likeness: Callable[[T, T], float]) -> list[list[float]]:
    """Entry (i, j) is the best total of the first i of ``a`` and the first j of ``b``."""
    best = [[0.0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a, 1):
        for j, y in enumerate(b, 1):
            alike = likeness(x, y)
            paired = best[i - 1][j - 1] + alike if alike > 0 else 0.0
            best[i][j] = max(paired, best[i - 1][j], best[i][j - 1])
    return best
