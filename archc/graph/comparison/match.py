"""Which layer of one network is which of another: by path, and where paths changed, by what they hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from archc.graph.graph import Child, Graph, Module, Node

ALIGNED = 500  # numbered children between equal ends that are aligned by what they are; more are taken in turn
COMPARED = 4096  # pairs of children that are compared in search of what was renamed and edited as well
ALIKE = 0.5  # share of weights in common from which two containers are one under two names


@dataclass(eq=False)
class Match:
    """Pairs of children of two networks; what stands in none was removed or added. Each child is in one pair at most.

    A pair is of two nodes, be their ops what they may, of two modules, or of one of each where a path kept its name.
    """

    a: Graph
    b: Graph
    to_b: dict[Child, Child] = field(default_factory=dict[Child, Child])
    to_a: dict[Child, Child] = field(default_factory=dict[Child, Child])

    @staticmethod
    def of(a: Graph, b: Graph) -> Match:
        found = Match(a, b)
        found._pair(a.root, b.root)
        found._find_moved()
        return found

    def pure(self, child: Child) -> bool:
        """Whether neither the child nor anything below it has a partner."""
        if child in self.to_b or child in self.to_a:
            return False
        return isinstance(child, Node) or all(map(self.pure, child.children.values()))

    def _pair(self, a: Child, b: Child) -> None:
        self.to_b[a], self.to_a[b] = b, a
        if isinstance(a, Module) and isinstance(b, Module):
            self._pair_children(a, b)

    def _pair_children(self, a: Module, b: Module) -> None:
        ours, theirs = _built(a), _built(b)
        for one, other in self._numbered(ours, theirs):
            self._pair(one, other)
        for name, child in ours.items():
            if name in theirs and child not in self.to_b and theirs[name] not in self.to_a and not name.isdecimal():
                self._pair(child, theirs[name])
        self._find_renamed(
            [c for c in ours.values() if c not in self.to_b], [c for c in theirs.values() if c not in self.to_a]
        )

    def _numbered(self, ours: dict[str, Child], theirs: dict[str, Child]) -> Iterator[tuple[Child, Child]]:
        """Children without names: by number, unless one that was put in or taken out moved those after it."""
        a = [c for name, c in ours.items() if name.isdecimal()]
        b = [c for name, c in theirs.items() if name.isdecimal()]
        by_number = [(c, theirs[c.name]) for c in a if c.name in theirs]
        kept = all(_sort(one) == _sort(other) for one, other in by_number)
        return iter(by_number) if kept else _aligned(a, b)

    def _find_renamed(self, ours: list[Child], theirs: list[Child]) -> None:
        """Children of one container that have another name: equal ones first, then those alike."""
        equal: defaultdict[Any, list[Child]] = defaultdict(list)
        for child in theirs:
            equal[form(child)].append(child)
        for child in ours:
            found = equal[form(child)]
            place = next((i for i, c in enumerate(found) if not (c.name.isdecimal() and child.name.isdecimal())), None)
            if place is not None:
                self._pair(child, found.pop(place))
        left, free = [c for c in ours if c not in self.to_b], [c for c in theirs if c not in self.to_a]
        if len(left) * len(free) > COMPARED:
            return
        near = [(alike(one, other), i, j) for i, one in enumerate(left) for j, other in enumerate(free)]
        # Pairs that conflict have an order, and the same whichever of the two networks is A.
        for share, i, j in sorted(near, key=lambda n: (-n[0], abs(n[1] - n[2]), n[1] + n[2])):
            if share >= ALIKE and left[i] not in self.to_b and free[j] not in self.to_a:
                self._pair(left[i], free[j])

    def _find_moved(self) -> None:
        """What has weights, and went into another container, or out of one, under its own name."""
        ours, theirs = _movable(self.a.root, self.to_b), _movable(self.b.root, self.to_a)
        for key, found in ours.items():
            a, b = found[0], theirs.get(key, [None])[0]
            if len(found) > 1 or b is None or len(theirs[key]) > 1:
                continue
            if self.pure(a) and self.pure(b) and self._near(a, b):
                self._pair(a, b)

    def _near(self, a: Child, b: Child) -> bool:
        """Whether one of the two stands in a container that both networks have."""
        return a.parent in self.to_b or b.parent in self.to_a


def has_weights(child: Child) -> bool:
    """Whether the child keeps any."""
    return bool(child.weights) if isinstance(child, Node) else any(map(has_weights, child.children.values()))


def form(child: Child) -> Any:
    """What a child is but for its name: equal where weights of one fit the other, and without weights the ops are."""
    if isinstance(child, Module):
        return tuple((c.name, form(c)) for c in _built(child).values())
    if not child.weights:
        return child.op
    return child.op.name, tuple((name, weight.shape) for name, weight in child.weights.items())


def alike(a: Child, b: Child) -> float:
    """How much of the smaller of two containers is in the other: numbers in weights of one path within and one shape.

    Nothing if most paths are in one alone.
    """
    if isinstance(a, Node) or isinstance(b, Node):
        return 0.0
    ours, theirs = _weights(a), _weights(b)
    both = ours.keys() & theirs.keys()
    if len(both) < ALIKE * max(len(ours), len(theirs)):
        return 0.0
    equal = sum(prod(ours[key]) for key in both if ours[key] == theirs[key])
    return equal / max(min(sum(map(prod, weights.values())) for weights in (ours, theirs)), 1)


def _weights(module: Module) -> dict[str, tuple[int, ...]]:
    start = len(module.path)
    return {node.key(name)[start:]: w.shape for node in module.nodes() for name, w in node.weights.items()}


def _built(module: Module) -> dict[str, Child]:
    """The children that hold anything."""
    return {n: c for n, c in module.children.items() if next(c.nodes(), None) is not None}


def _sort(child: Child) -> str | None:
    return child.op.name if isinstance(child, Node) else child.block or "()"


def _aligned(a: Sequence[Child], b: Sequence[Child]) -> Iterator[tuple[Child, Child]]:
    """Pairs in order: equal ones from both ends, then the longest equal runs, and between them what is of one sort."""
    ours, theirs = [form(c) for c in a], [form(c) for c in b]
    start = _common(ours, theirs)
    end = _common(ours[start:][::-1], theirs[start:][::-1])
    yield from zip(a[:start], b[:start], strict=True)
    yield from _inner(a[start : len(a) - end], b[start : len(b) - end])
    yield from zip(a[len(a) - end :], b[len(b) - end :], strict=True)


def _common(a: Sequence[Any], b: Sequence[Any]) -> int:
    """How many are equal from the start."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _inner(a: Sequence[Child], b: Sequence[Child]) -> Iterator[tuple[Child, Child]]:
    from difflib import SequenceMatcher

    ours, theirs = [form(c) for c in a], [form(c) for c in b]
    if (len(a), repr(ours)) > (len(b), repr(theirs)):  # which runs are found first must not hang on which is A
        yield from ((one, other) for other, one in _inner(b, a))
        return
    if len(b) > ALIGNED:
        yield from _in_turn(a, b)
        return
    for _, a_from, a_to, b_from, b_to in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        yield from _in_turn(a[a_from:a_to], b[b_from:b_to])


def _in_turn(a: Sequence[Child], b: Sequence[Child]) -> Iterator[tuple[Child, Child]]:
    """Each with the next that is of its sort."""
    start = 0
    for child in a:
        place = next((i for i in range(start, len(b)) if _sort(b[i]) == _sort(child)), None)
        if place is not None:
            yield child, b[place]
            start = place + 1


def _movable(root: Module, paired: dict[Child, Child]) -> dict[Any, list[Child]]:
    """What has weights, a name and no partner, by its name and form."""
    found: defaultdict[Any, list[Child]] = defaultdict(list)
    for child in _unpaired(root, paired):
        if not child.name.isdecimal() and has_weights(child):
            found[child.name, form(child)].append(child)
    return found


def _unpaired(module: Module, paired: dict[Child, Child]) -> Iterator[Child]:
    """All children below that have no partner, above before below; what one layer became is told as a whole."""
    for child in module.children.values():
        if child not in paired:
            yield child
        if isinstance(child, Module) and not isinstance(paired.get(child), Node):
            yield from _unpaired(child, paired)
