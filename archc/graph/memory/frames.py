"""How long the calls of a generated module hold the tensors that they read."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from archc.graph.graph import Graph, Module, Node, Tensor
from archc.graph.memory.statements import Body, Call


def held_until(graph: Graph) -> dict[Tensor, float]:
    """Tensor → the last node, by its place in ``graph.live("eval")``, during which something holds the tensor.

    A tensor is held by the calls that it is an argument of: nodes, and containers until they return. One that several
    calls of a container read is a variable, and held until that container returns; one that a statement of its
    ``forward`` begins with is held until the statement ends. The caller holds inputs and outputs of the network.
    """
    frames = _Frames(graph.live("eval"))
    until: dict[Tensor, float] = {t: frames.end(n) for n in graph.nodes for t in n.outputs}
    for body in _bodies(graph, frames):
        for tensor, call in body.holders():
            until[tensor] = max(until[tensor], frames.end(call))
    return until | dict.fromkeys((*graph.inputs.values(), *graph.outputs.values()), inf)


def _bodies(graph: Graph, frames: _Frames) -> Iterable[Body]:
    """The containers, with who reads what in them, in eval or in training."""
    bodies: dict[Module, Body] = {}
    read = {*graph.live("eval"), *graph.live("train")}
    for node in (n for n in graph.nodes if n in read):
        around = frames.around(node)
        for module, call in zip(around, (*around[1:], node), strict=True):
            body = bodies[module] if module in bodies else bodies.setdefault(module, Body(module))
            body.order[call] = node.index
        for tensor in node.inputs:
            if tensor.producer is not None:
                module, maker, reader = frames.meeting(tensor.producer, node)
                bodies[module].add(tensor, maker, reader)
    return bodies.values()


class _Frames:
    """The calls around each node. A namespace is not called."""

    def __init__(self, nodes: list[Node]) -> None:
        self._around: dict[Module, tuple[Module, ...]] = {}
        self._ends: dict[Call, int] = {}
        for time, node in enumerate(nodes):
            self._ends[node] = time
            for module in self.around(node):
                self._ends[module] = time

    def end(self, call: Call) -> int:
        """The place of the last node that runs in the call; −1 where none does."""
        return self._ends.get(call, -1)

    def around(self, node: Node) -> tuple[Module, ...]:
        """The containers that the node runs in, from the root down."""
        if node.parent not in self._around:
            self._around[node.parent] = tuple(reversed([m for m in node.parent.upwards() if m.kind != "namespace"]))
        return self._around[node.parent]

    def meeting(self, maker: Node, reader: Node) -> tuple[Module, Call, Call]:
        """The innermost container around both, and its children that they are, or are in."""
        a, b = self.around(maker), self.around(reader)
        if a is b:
            return a[-1], maker, reader
        depth = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x is not y), min(len(a), len(b)))
        return a[depth - 1], a[depth] if depth < len(a) else maker, b[depth] if depth < len(b) else reader
