"""What is said of the weights that carry over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from archc.display.names import SOME, some
from archc.display.numbers import by_axis
from archc.display.paths import all_series, grids, grouped, kin, series
from archc.graph.comparison.carry import Carry, Pair, numbers
from archc.graph.comparison.match import Match
from archc.graph.graph import Entry, Graph, Module, Node

WHOLE = 3  # weights from which a container is named in place of each


class Sorts:
    """Each entry of B in one sort, of which a former name says most; and what of A is gone."""

    def __init__(self, weights: Carry) -> None:
        self.renamed = weights.renamed
        here, before = {p.b.key for p in weights.renamed}, {p.a.key for p in weights.renamed}
        self.displaced = [p for p in weights.displaced if p.b.key not in here]
        self.other_op = [p for p in weights.other_op if p.b.key not in here]
        self.reshaped = [p for p in weights.reshaped if p.b.key not in here]
        self.fresh = [e for e in weights.fresh if e.key not in here]
        self.dropped = [e for e in weights.dropped if e.key not in before]
        elsewhere = here | {p.b.key for p in weights.displaced}
        self.carried = [p.b for p in weights.carried if p.b.key not in elsewhere]


def verdict(weights: Carry, match: Match) -> str:
    """One line: ``318 of 320 weights carry over; fc.weight, fc.bias start fresh``."""
    if not weights.b:
        return "there are no weights"
    sorts = Sorts(weights)
    parts = [_carried(len(sorts.carried), len(weights.b))]
    if sorts.renamed:
        parts.append(f"{len(sorts.renamed):,} would under their former names")
    if misfits := len(sorts.other_op) + len(sorts.displaced):
        verbs = "fits by name and shape, but belongs" if misfits == 1 else "fit by name and shape, but belong"
        parts.append(f"{misfits:,} {verbs} to other layers")
    if fresh := [*sorts.fresh, *(p.b for p in sorts.reshaped)]:
        names = covered(fresh, match.b.root)
        shown = ", ".join(names) if len(names) <= SOME else f"{len(fresh):,}"
        parts.append(f"{shown} start{'s' if len(fresh) == 1 else ''} fresh")
    if weights.complete and weights.dropped:
        parts.append(f"{len(weights.dropped):,} of A's are not needed")
    return "; ".join(parts)


def _carried(carried: int, total: int) -> str:
    if carried == total:
        return f"all {total:,} weights carry over" if total > 1 else "the one weight carries over"
    return f"{carried:,} of {total:,} weights carr{'ies' if carried == 1 else 'y'} over"


def lines(weights: Carry, match: Match) -> list[tuple[str, int, int, str]]:
    """(what, tensors, numbers, which) for each sort of weights that there is."""
    sorts = Sorts(weights)
    parts: list[tuple[str, list[Entry], list[str]]] = [
        ("carry over", sorts.carried, []),
        ("fit under their former names", [p.b for p in sorts.renamed], renames(sorts.renamed, match)),
        ("fit, but are another layer's", [p.b for p in sorts.displaced], _moves(sorts.displaced, match)),
        ("fit, but are another op's", [p.b for p in sorts.other_op], _ops(sorts.other_op)),
        ("have another shape", [p.b for p in sorts.reshaped], _sizes(sorts.reshaped)),
        ("are new", sorts.fresh, covered(sorts.fresh, match.b.root)),
        ("are no longer there", sorts.dropped, covered(sorts.dropped, match.a.root)),
    ]
    return [(what, len(entries), numbers(entries), some(which)) for what, entries, which in parts if entries]


def covered(entries: Iterable[Entry], root: Module) -> list[str]:
    """The keys in short: ``layer5.*`` where all below a path are meant, and series of paths as one."""
    return all_series(_covered({e.key for e in entries}, root))


def _covered(keys: set[str], module: Module) -> Iterator[str]:
    for child in module.children.values():
        below = [node.key(name) for node in child.nodes() for name in node.weights]
        if isinstance(child, Module) and len(below) >= WHOLE and keys.issuperset(below):
            yield f"{child.path}.*"
        elif isinstance(child, Module) and not keys.isdisjoint(below):
            yield from _covered(keys, child)
        elif isinstance(child, Node):
            yield from (key for key in below if key in keys)


def _sizes(pairs: Sequence[Pair]) -> list[str]:
    """``fc.weight 1000 × 512 → 10 × 512``; a series of equal ones as one."""
    found: list[str] = []
    for group in grouped(((kin(p.b.key), _shapes(p)), p) for p in pairs):
        found += [f"{series(grid)} {_shapes(group[0])}" for grid in grids(p.b.key for p in group)]
    return found


def _shapes(pair: Pair) -> str:
    return " → ".join(by_axis(e.weight.shape) for e in (pair.a, pair.b))


def _ops(pairs: Sequence[Pair]) -> list[str]:
    """``bn1.weight (batch_norm → group_norm)``."""
    return [f"{p.b.key} ({p.a.node.op.name} → {p.b.node.op.name})" for p in pairs]


def _moves(pairs: Sequence[Pair], match: Match) -> list[str]:
    """What has the key now, and what its layer was called."""
    before = [match.to_a.get(pair.b.node) for pair in pairs]
    return [f"{p.b.key} (was {b.path})" if b else f"{p.b.key} (new)" for p, b in zip(pairs, before, strict=True)]


def renames(pairs: Sequence[Pair], match: Match) -> list[str]:
    """``layer1.* → stage1.*``: the highest containers, or layers, whose names changed; series of them as one."""
    stripped = [_stripped(p) for p in pairs]
    there = _weights_below(match.a)
    whole = {(old, new) for (old, new), count in Counter(stripped).items() if count == there[old]}
    found: dict[tuple[str, str], None] = {}
    for pair, (old, new) in zip(pairs, stripped, strict=True):
        found[(old, new) if (old, new) in whole else _stripped(pair, keep=1)] = None
    shown: list[str] = []
    for group in grouped(((kin(old), kin(new)), (old, new)) for old, new in found):
        sides = [list(dict.fromkeys(side)) for side in zip(*group, strict=True)]
        one = all(len(grids(side)) == 1 and len(side) == len(group) for side in sides)
        shown += [" → ".join(map(_all_of, map(series, sides)))] if one else [_arrow(*pair) for pair in group]
    return shown


def _arrow(old: str, new: str) -> str:
    return f"{_all_of(old)} → {_all_of(new)}"


def _stripped(pair: Pair, keep: int = 0) -> tuple[str, str]:
    """The paths of both layers without what they have in common at their ends; ``keep`` parts stay."""
    old, new = pair.a.node.path.split("."), pair.b.node.path.split(".")
    while min(len(old), len(new)) > keep and old[-1] == new[-1]:
        old, new = old[:-1], new[:-1]
    return ".".join(old), ".".join(new)


def _weights_below(graph: Graph) -> Counter[str]:
    """How many weights there are at each path and below."""
    found: Counter[str] = Counter()
    for entry in graph.state:
        parts = entry.node.path.split(".")
        found.update([".".join(parts[:i]) for i in range(len(parts) + 1)])
    return found


def _all_of(path: str) -> str:
    return f"{path}.*" if path else "*"
