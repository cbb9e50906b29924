"""Paths and keys in short: ``layer{1…4}.0.conv{1,2}`` where they differ in numbers alone, ``fc.*`` for all of one."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

_PART = re.compile(r"(.*?)([1-9][0-9]*|0)?")

GAPS = 10  # runs of numbers that are written out
DEEPEST = 32  # parts of a key by which keys are folded

T = TypeVar("T")


def kin(path: str) -> Hashable:
    """What paths of one series have in common: all but the numbers at the ends of their parts."""
    return tuple((stem, bool(number)) for stem, number in _parts(path))


def grids(paths: Iterable[str]) -> list[list[str]]:
    """Paths that are kin, divided so that each part holds every combination of its numbers."""
    order = {path: i for i, path in enumerate(paths)}
    found = [[".".join(parts) for parts in grid] for grid in _grids([tuple(p.split(".")) for p in order])]
    return sorted((sorted(grid, key=order.__getitem__) for grid in found), key=lambda grid: order[grid[0]])


def series(paths: Sequence[str]) -> str:
    """One text for a grid of paths."""
    columns = list(zip(*map(_parts, paths), strict=True))
    return ".".join(column[0][0] + _numbers({number for _, number in column}) for column in columns)


def grouped(items: Iterable[tuple[Hashable, T]]) -> list[list[T]]:
    """Items of equal keys together, in the order of their first."""
    groups: dict[Hashable, list[T]] = {}
    for key, item in items:
        groups.setdefault(key, []).append(item)
    return list(groups.values())


def all_series(paths: Iterable[str]) -> list[str]:
    """The paths, each grid of them written once."""
    return [series(grid) for group in grouped((kin(path), path) for path in paths) for grid in grids(group)]


def fold(keys: Iterable[str], universe: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Keys, and in place of two or more that are all below a path: the path with `.*`, and how many they are."""
    wanted = set(keys)
    members: dict[str, list[str]] = {}  # container → all keys below it
    for key in universe:
        parts = key.split(".", DEEPEST)
        for depth in range(len(parts)):
            members.setdefault(".".join(parts[:depth]), []).append(key)
    told: set[str] = set()
    for key in dict.fromkeys(keys):
        if key in told:
            continue
        parts = key.split(".", DEEPEST)
        above = (".".join(parts[:depth]) for depth in range(len(parts)))
        whole = next((p for p in above if len(members[p]) > 1 and wanted.issuperset(members[p])), None)
        if whole is None:
            yield key, 1
        else:
            told.update(members[whole])
            yield (f"{whole}.*" if whole else "*"), len(members[whole])


def _parts(path: str) -> list[tuple[str, str]]:
    found = [_PART.fullmatch(part) for part in path.split(".")]
    return [(match[1], match[2] or "") for match in found if match is not None]


def _grids(paths: Sequence[tuple[str, ...]]) -> list[list[tuple[str, ...]]]:
    """By first part, what may follow it; first parts that are followed by the same are one."""
    if not paths or not paths[0]:
        return [list(paths)] if paths else []
    tails: dict[str, list[tuple[str, ...]]] = {}
    for first, *rest in paths:
        tails.setdefault(first, []).append(tuple(rest))
    found: list[list[tuple[str, ...]]] = []
    for firsts in grouped((frozenset(rest), first) for first, rest in tails.items()):
        found += [[(first, *rest) for first in firsts for rest in grid] for grid in _grids(tails[firsts[0]])]
    return found


def _numbers(texts: Iterable[str]) -> str:
    """``7``, ``{1,2}``, ``{0…5}``, ``{0…2,5}``; a star where there are many gaps."""
    runs: list[list[int]] = []
    for number in sorted(int(text) for text in texts if text):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    if len(runs) > GAPS:
        return "*"
    shown = ",".join(f"{r[0]}…{r[-1]}" if len(r) > 2 else ",".join(map(str, r)) for r in runs)
    return f"{{{shown}}}" if sum(map(len, runs)) > 1 else shown
