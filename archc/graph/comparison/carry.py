"""Which weights of one network another one could start from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import prod

from archc.graph.comparison.match import Match
from archc.graph.graph import Entry, Graph


@dataclass(frozen=True, slots=True)
class Pair:
    """An entry of A's state_dict and one of B's."""

    a: Entry
    b: Entry


@dataclass(slots=True)
class Carry:
    """What becomes of the entries of A's state_dict in B.

    ``carried`` have key, shape and dtype in common, and an op of one kind reads them. ``other_op`` have all this but
    the op. ``reshaped`` have the key alone. ``fresh`` are B's only, ``dropped`` A's only. That divides A and B.

    ``displaced`` are carried, but are what another layer has learned: where layers were put into a list, the numbers
    of those after them moved. ``renamed`` are pairs of two keys and of one layer, that would fit.
    """

    a: list[Entry]
    b: list[Entry]
    carried: list[Pair] = field(default_factory=list[Pair])
    other_op: list[Pair] = field(default_factory=list[Pair])
    reshaped: list[Pair] = field(default_factory=list[Pair])
    fresh: list[Entry] = field(default_factory=list[Entry])
    dropped: list[Entry] = field(default_factory=list[Entry])
    renamed: list[Pair] = field(default_factory=list[Pair])
    displaced: list[Pair] = field(default_factory=list[Pair])

    @property
    def complete(self) -> bool:
        """Whether every entry of B is carried, from the layer that it belongs to."""
        return len(self.carried) == len(self.b) and not self.displaced

    @property
    def reordered(self) -> bool:
        """Whether entries of both stand in another order; an optimizer keeps its state by position."""
        known = {p.a.key for p in self.carried}
        return [e.key for e in self.a if e.key in known] != [e.key for e in self.b if e.key in known]


def carry(a: Graph, b: Graph, match: Match) -> Carry:
    """What of A's state_dict B can take."""
    found = Carry(a.state, b.state)
    old = {entry.key: entry for entry in a.state}
    for entry in b.state:
        before = old.pop(entry.key, None)
        if before is None:
            found.fresh.append(entry)
        else:
            _sort(Pair(before, entry), match, found)
    found.dropped = list(old.values())
    _find_renamed(found, match)
    return found


def numbers(entries: Iterable[Entry]) -> int:
    """How many numbers the entries hold."""
    return sum(prod(entry.weight.shape) for entry in entries)


def _sort(pair: Pair, match: Match, found: Carry) -> None:
    if pair.a.weight.shape != pair.b.weight.shape:
        found.reshaped.append(pair)
    elif not _alike(pair.a, pair.b):
        found.other_op.append(pair)
    else:
        found.carried.append(pair)
        a, b = pair.a.node, pair.b.node
        if match.to_b.get(a, b) is not b or match.to_a.get(b, a) is not a:
            found.displaced.append(pair)


def _alike(a: Entry, b: Entry) -> bool:
    return (a.weight.dtype, a.weight.buffer, a.node.op.name) == (b.weight.dtype, b.weight.buffer, b.node.op.name)


def _find_renamed(found: Carry, match: Match) -> None:
    """Entries of one layer that has another path now."""
    carried = {pair.b.key for pair in found.carried} - {pair.b.key for pair in found.displaced}
    by_node = {(entry.node, entry.name): entry for entry in found.a}
    for entry in found.b:
        node = match.to_a.get(entry.node)
        before = by_node.get((node, entry.name)) if node is not None else None  # pyright: ignore[reportArgumentType]
        if before is None or before.key == entry.key or entry.key in carried:
            continue
        if before.weight.shape == entry.weight.shape and _alike(before, entry):
            found.renamed.append(Pair(before, entry))
