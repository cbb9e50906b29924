"""What is different between two networks: structure, interface, costs, and which weights carry over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from archc.graph.comparison.carry import Carry, carry
from archc.graph.comparison.match import Match
from archc.graph.comparison.sources import Sources
from archc.graph.cost import Cost, NodeCost, cost
from archc.graph.graph import Child, Graph, Module, Node, Tensor
from archc.ops.shape import Shape

Kind = Literal["added", "removed", "renamed", "replaced", "changed", "rewired", "reshaped"]


@dataclass(frozen=True, slots=True)
class Change:
    """One child that differs, or, where all of it was added, removed or renamed, a container with all below it.

    ``kind`` is the gravest of what is true: another path, another op, other arguments, other inputs (or, of a
    container, another child that gives its result), or shapes alone, a consequence of what stands before.
    ``arguments`` are name → values in A and B; ``reads`` are the inputs, or what a container gives, that come from
    elsewhere, in A and in B; ``shapes`` says that outputs or weights have other shapes.
    """

    kind: Kind
    a: Child | None
    b: Child | None
    arguments: Mapping[str, tuple[Any, Any]] = field(default_factory=dict[str, "tuple[Any, Any]"])
    reads: tuple[list[Tensor], list[Tensor]] | None = None
    shapes: bool = False

    @property
    def child(self) -> Child:
        """The child in B; in A where B has none."""
        found = self.b or self.a
        assert found is not None
        return found

    @property
    def path(self) -> str:
        return self.child.path


@dataclass(eq=False)
class Comparison:
    """Two graphs side by side; both in eval mode and at batch 1."""

    a: Graph
    b: Graph

    @cached_property
    def match(self) -> Match:
        """Which child of A is which of B."""
        return Match.of(self.a, self.b)

    @cached_property
    def costs(self) -> tuple[Cost, Cost]:
        return cost(self.a), cost(self.b)

    def spent(self, change: Change) -> tuple[tuple[int, int], tuple[int, int]]:
        """(parameters, MACs) in A and in B of what the change speaks of.

        A container that both have counts nothing: what differs in it has changes of its own. So they add up.
        """
        if isinstance(change.a, Module) and isinstance(change.b, Module):
            return (0, 0), (0, 0)
        a, b = self._node_costs
        return _spent(change.a, a), _spent(change.b, b)

    @cached_property
    def _node_costs(self) -> tuple[dict[Node, NodeCost], dict[Node, NodeCost]]:
        a, b = ({c.node: c for c in cost.nodes} for cost in self.costs)
        return a, b

    @cached_property
    def weights(self) -> Carry:
        return carry(self.a, self.b, self.match)

    @cached_property
    def changes(self) -> list[Change]:
        """In the order of B's tree, with what was removed where it stood."""
        return list(_Walk(self.match).below(self.a.root, self.b.root))

    @cached_property
    def outputs(self) -> list[str]:
        """The outputs, in eval or train mode, that only one has, or that differ in shape or in what gives them."""
        sources = Sources(self.match)
        found: dict[str, None] = {}
        for a, b in ((self.a.outputs, self.b.outputs), (self.a.train_outputs, self.b.train_outputs)):
            for name in (*a, *b):
                if name not in a or name not in b or not self._same_output(a[name], b[name], sources):
                    found[name] = None
        return list(found)

    def _same_output(self, a: Tensor, b: Tensor, sources: Sources) -> bool:
        return a.shape == b.shape and sources.of(a, self.a.root) == sources.of(b, self.b.root)

    @cached_property
    def inputs(self) -> list[str]:
        """The inputs that only one has, or that differ in shape or in their place among those that both have."""
        a, b = _shapes(self.a.inputs), _shapes(self.b.inputs)
        places = zip((name for name in a if name in b), (name for name in b if name in a), strict=True)
        moved = {ours for ours, theirs in places if ours != theirs}
        return [name for name in {**a, **b} if a.get(name) != b.get(name) or name in moved]

    @cached_property
    def declared(self) -> list[str]:
        """What differs of what is said of a network beside its structure: `init`, `preprocess`, `labels`."""
        found = [name for name in ("preprocess", "labels") if getattr(self.a, name) != getattr(self.b, name)]
        rules = ([(r.ops, r.pattern, r.weight, r.init) for r in g.init] for g in (self.a, self.b))
        return ["init"] * (next(rules) != next(rules)) + found

    @property
    def same(self) -> bool:
        """Whether nothing differs but names and values that lead to the same network."""
        weights = self.weights
        kept = weights.complete and not weights.dropped and not weights.reordered
        return kept and not (self.changes or self.inputs or self.outputs or self.declared)


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, Shape]:
    return {name: tensor.shape for name, tensor in tensors.items()}


class _Walk:
    """Goes through both trees side by side."""

    def __init__(self, match: Match) -> None:
        self._match = match
        self._sources = Sources(match)

    def below(self, a: Module | None, b: Module | None) -> Iterator[Change]:
        """The changes among the children of a pair, and below them."""
        for ours, theirs in self._merged(a, b):
            if ours is None or theirs is None:
                yield from self._single(ours, theirs)
            else:
                moved = ours.name != theirs.name or (ours.parent, theirs.parent) != (a, b)
                yield from self._pair(ours, theirs, moved)

    def _merged(self, a: Module | None, b: Module | None) -> Iterator[tuple[Child | None, Child | None]]:
        """B's children with their partners, and each of A's that has none after its neighbour's partner."""
        gone: dict[Child | None, list[Child]] = {}
        last: Child | None = None
        shown = set(b.children.values() if b else ())
        for child in a.children.values() if a else ():
            partner = self._match.to_b.get(child)
            if partner is None:
                gone.setdefault(last, []).append(child)
            elif partner in shown:
                last = partner
        yield from ((child, None) for child in gone.get(None, ()))
        for child in b.children.values() if b else ():
            yield self._match.to_a.get(child), child
            yield from ((other, None) for other in gone.get(child, ()))

    def _single(self, a: Child | None, b: Child | None) -> Iterator[Change]:
        """A child of one network alone. What moved out of it, or into it, is told on its own."""
        child = a or b
        assert child is not None
        if not isinstance(child, Module):
            yield Change("removed" if a else "added", a, b)
        elif self._match.pure(child):
            if next(child.nodes(), None) is not None:
                yield Change("removed" if a else "added", a, b)
        elif a is child:
            yield from self.below(child, None)
        else:
            yield from self.below(None, child)

    def _pair(self, a: Child, b: Child, moved: bool) -> Iterator[Change]:
        if isinstance(a, Node) and isinstance(b, Node):
            change = self._nodes(a, b, moved)
        elif isinstance(a, Node) or isinstance(b, Node):
            change = Change("replaced", a, b, shapes=_given(a) != _given(b))
        else:
            reads = self._reads(a, b, a.outputs, b.outputs)
            change = Change("renamed" if moved else "rewired", a, b, reads=reads) if moved or reads else None
        if change is not None:
            yield change
        if isinstance(a, Module) and isinstance(b, Module):
            yield from self.below(a, b)

    def _nodes(self, a: Node, b: Node, moved: bool) -> Change | None:
        replaced = type(a.op) is not type(b.op)
        arguments = {} if replaced else _arguments(a, b)
        reads = self._reads(a, b, a.inputs, b.inputs)
        shapes = _given(a) != _given(b) or _weight_shapes(a) != _weight_shapes(b)
        flags: list[tuple[Kind, bool]] = [
            ("renamed", moved), ("replaced", replaced), ("changed", bool(arguments)), ("rewired", reads is not None),
            ("reshaped", shapes),
        ]  # fmt: skip
        kind: Kind | None = next((kind for kind, on in flags if on), None)
        return Change(kind, a, b, arguments, reads, shapes) if kind else None

    def _reads(
        self, a: Child, b: Child, ours: Sequence[Tensor], theirs: Sequence[Tensor]
    ) -> tuple[list[Tensor], list[Tensor]] | None:
        """The tensors that are not the same, place by place; all, where there are more in one."""
        if len(ours) != len(theirs):
            return list(ours), list(theirs)
        pairs = zip(ours, theirs, strict=True)
        other = [(t, u) for t, u in pairs if self._sources.of(t, a) != self._sources.of(u, b)]
        return ([t for t, _ in other], [u for _, u in other]) if other else None


def _spent(child: Child | None, costs: Mapping[Node, NodeCost]) -> tuple[int, int]:
    found = [costs[n] for n in child.nodes() if n in costs] if child is not None else []
    return sum(c.params for c in found), sum(c.macs for c in found)


def _arguments(a: Node, b: Node) -> dict[str, tuple[Any, Any]]:
    """The arguments that differ, of two ops of one kind."""
    names = [argument.name for argument in a.op.signature().arguments]
    both = {name: (getattr(a.op, name), getattr(b.op, name)) for name in names}
    return {name: values for name, values in both.items() if values[0] != values[1]}


def _given(child: Child) -> list[Shape]:
    return [t.shape for t in child.outputs]


def _weight_shapes(node: Node) -> dict[str, tuple[int, ...]]:
    return {name: weight.shape for name, weight in node.weights.items()}
