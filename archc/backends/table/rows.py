"""The rows of a table: the module tree down to a depth, with runs of equal neighbours folded into one row each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal

from archc.graph.cost import Cost, NodeCost
from archc.graph.graph import Child, Graph, Module, Node, Tensor, tensors
from archc.graph.receptive import Field
from archc.ops.shape import Shape

LONGEST_LIST = 24  # characters in which the layers of a container may be listed; beyond, they are counted


@dataclass(slots=True)
class Row:
    """One line of a table.

    A ``section`` has a name only. A ``layer`` is one op, or ``times`` equal ones; a ``container`` likewise, and
    ``opened`` if its children follow. Numbers are those of all that the row stands for, but under a folded row, which
    is ``each``, they are those of one.
    """

    kind: Literal["section", "layer", "container"]
    path: str
    name: str
    level: int
    op: str = ""
    times: int = 1
    opened: bool = False
    folds: int = 1  # how many times the folded rows above count what stands here
    live: bool = True
    node: Node | None = None
    inputs: tuple[str, ...] = ()
    outputs: tuple[Shape, ...] = ()
    many: bool = False
    params: int = 0
    macs: int = 0
    activations: int = 0
    memory: int = 0  # the most of any node, not their sum
    saved: int = 0
    field: Field | None = None

    @property
    def label(self) -> str:
        """The op, and how often."""
        return self.op if self.times == 1 else repeated(self.times, self.op) + (", each:" if self.opened else "")


@dataclass(slots=True)
class _Sums:
    params: int = 0
    macs: int = 0
    activations: int = 0
    memory: int = 0
    saved: int = 0
    live: bool = False

    def add(self, cost: NodeCost | _Sums) -> None:
        self.params += cost.params
        self.macs += cost.macs
        self.activations += cost.activations
        self.memory = max(self.memory, cost.memory)
        self.saved += cost.saved
        self.live |= cost.live


@dataclass(slots=True)
class Rows:
    """Makes the rows of a graph. ``depth`` counts the levels below the root; None opens everything."""

    graph: Graph
    cost: Cost
    depth: int | None = 1
    unfold: bool = False
    _costs: dict[Node, NodeCost] = field(init=False)
    _sums: dict[Module, _Sums] = field(init=False, default_factory=dict[Module, _Sums])

    def __post_init__(self) -> None:
        self._costs = {c.node: c for c in self.cost.nodes}

    def leaves(self) -> Iterator[Row]:
        """One row for each op, in the order in which they are built."""
        return (self._leaf(c, 0) for c in self.cost.nodes)

    def tree(self) -> list[Row]:
        """The rows by module path, in the order of the state_dict, under the sections."""
        self._sum(self.graph.root)
        children = self.graph.root.children
        section_of = {name: section for section, names in self.graph.sections.items() for name in reversed(names)}
        rows: list[Row] = []
        for section, names in groupby(children, key=section_of.get):
            shown = list(self._siblings([children[n] for n in names], 1))
            if section is not None and shown:
                rows.append(Row("section", section, section, 0))
            rows.extend(shown)
        return rows

    def _sum(self, module: Module) -> _Sums | None:
        """Sums up a container; None, and no row, if it holds nothing that costs or runs."""
        sums = _Sums()
        found = False
        for child in module.children.values():
            part = self._costs.get(child) if isinstance(child, Node) else self._sum(child)
            if part is not None:
                sums.add(part)
                found = True
        if found:
            self._sums[module] = sums
        return sums if found else None

    def _siblings(self, children: list[Child], level: int, folds: int = 1) -> Iterator[Row]:
        shown = [c for c in children if c in (self._costs if isinstance(c, Node) else self._sums)]
        for run in _runs(shown) if not self.unfold else ([c] for c in shown):
            yield from self._run(run, level, folds)

    def _run(self, run: list[Child], level: int, folds: int) -> Iterator[Row]:
        """The row of some equal neighbours, and the rows below it. The last speaks for all, as its field is largest."""
        last = run[-1]
        row = self._leaf(self._costs[last], level) if isinstance(last, Node) else self._container(last, level)
        if len(run) > 1:
            row.times = len(run)
            row.name = f"{run[0].name} … {last.name}"
            row.path = f"{run[0].path} … {last.name}"
            row.params, row.macs, row.activations = (n * len(run) for n in (row.params, row.macs, row.activations))
            parts = [self._costs[c] if isinstance(c, Node) else self._sums[c] for c in run]
            row.memory, row.saved = max(p.memory for p in parts), sum(p.saved for p in parts)
        row.folds = folds
        yield row
        if isinstance(last, Module) and row.opened:
            yield from self._siblings(list(last.children.values()), level + 1, folds * len(run))

    def _leaf(self, cost: NodeCost, level: int) -> Row:
        node = cost.node
        return Row(
            "layer",
            node.path,
            node.name,
            level,
            op=node.op.summary(),
            live=cost.live,
            node=node,
            inputs=tuple(map(reference, node.inputs)),
            outputs=tuple(t.shape for t in node.outputs),
            many=node.many,
            params=cost.params,
            macs=cost.macs,
            activations=cost.activations,
            memory=cost.memory,
            saved=cost.saved,
            field=cost.field,
        )

    def _container(self, module: Module, level: int) -> Row:
        sums = self._sums[module]
        producer = module.outputs[-1].producer if module.outputs else None
        cost = self._costs.get(producer) if producer else None
        return Row(
            "container",
            module.path,
            module.name,
            level,
            op=contents(module),
            opened=self.depth is None or level < self.depth,
            live=sums.live,
            inputs=tuple(map(reference, tensors(*module.inputs))),
            outputs=tuple(t.shape for t in module.outputs),
            many=isinstance(module.result, list),
            params=sums.params,
            macs=sums.macs,
            activations=sums.activations,
            memory=sums.memory,
            saved=sums.saved,
            field=cost.field if cost else None,
        )


def repeated(times: int, text: str) -> str:
    """``3 × bottleneck``; ``3 × (conv, batch_norm)``"""
    return f"{times} × ({text})" if " × " in text or ", " in text else f"{times} × {text}"


def reference(tensor: Tensor) -> str:
    """A tensor as a spec names it from the root: the path of what makes it, with its place if that gives a list."""
    if tensor.producer is None:
        return tensor.name
    return f"{tensor.producer.path}[{tensor.index}]" if tensor.producer.many else tensor.producer.path


def contents(module: Module) -> str:
    """The block that a container is, or what it holds: ``3 × bottleneck``; ``conv, batch_norm``; ``31 layers``."""
    if module.block:
        return module.block
    names = [c.op.name if isinstance(c, Node) else c.block for c in module.children.values()]
    if None not in names:
        runs = [(name, sum(1 for _ in run)) for name, run in groupby(names)]
        text = ", ".join(f"{n} × {name}" if n > 1 or len(names) == 1 else f"{name}" for name, n in runs)
        if len(text) <= LONGEST_LIST:
            return text
    count = sum(1 for _ in module.nodes())
    return f"{count} layers" if count > 1 else "1 layer"


def _runs(children: list[Child]) -> Iterator[list[Child]]:
    """Neighbours that are equal and count on in their names, together."""
    run: list[Child] = []
    kept: Any = None
    for child in children:
        form = _series(child.name), _form(child, _first_index(child))
        if run and form == kept:
            run.append(child)
            continue
        if run:
            yield run
        run, kept = [child], form
    if run:
        yield run


def _series(name: str) -> str:
    """What the names of a series have in common: ``layer`` of layer1, ``Mixed_6`` of Mixed_6c, nothing of 12."""
    stem = name.rstrip("0123456789")
    return stem if stem != name else name[:-1]


def _first_index(child: Child) -> int:
    return min((n.index for n in child.nodes()), default=0)


def _form(child: Child, base: int) -> Any:
    """What a child is, but for its name and field; equal for equal ones. ``base`` is the index of its first node."""
    if isinstance(child, Module):
        return child.kind, child.block, [(name, _form(c, base)) for name, c in child.children.items()]
    return child.op, [t.shape for t in child.outputs], [_source(t, base) for t in child.inputs]


def _source(tensor: Tensor, base: int) -> Any:
    """Where an input comes from, as seen from within: a node counted from ``base``, or a shape from outside."""
    if tensor.producer is None or tensor.producer.index < base:
        return tensor.shape
    return tensor.producer.index - base, tensor.index
