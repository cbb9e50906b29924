"""How much memory the activations of inference need at once, by liveness."""

from __future__ import annotations

from collections.abc import Collection
from math import inf

from archc.graph.graph import Graph, Node, Tensor

FLOAT_BYTES = 4


def peak_activation_bytes(graph: Graph, batch: int = 1, in_place: Collection[Node] = ()) -> int:
    """The most bytes of fp32 activations that are alive at once in eval mode, weights aside.

    Nodes run in the order of the spec. A tensor lives from the node that makes it, through its last use; an input of
    the network from the beginning, an output to the end. A view, and a node of ``in_place``, writes into its input's
    memory; what an op needs within itself is not counted.
    """
    nodes = graph.live("eval")
    slots = _slots(graph, nodes, in_place)
    last_use = _last_use(graph, nodes, slots)
    sizes: dict[int, int] = {}
    for tensor, slot in slots.items():
        copies = batch if tensor.shape.batched else 1
        sizes.setdefault(slot, tensor.shape.numel * copies * FLOAT_BYTES)
    ends: dict[float, list[int]] = {}
    for slot, end in last_use.items():
        ends.setdefault(end, []).append(slot)
    alive = peak = sum(sizes[slots[t]] for t in graph.inputs.values() if slots[t] in last_use)
    held = {slots[t] for t in graph.inputs.values()}
    for time, node in enumerate(nodes):
        for tensor in node.outputs:
            slot = slots.get(tensor)
            if slot is not None and slot not in held:
                held.add(slot)
                alive += sizes[slot]
        peak = max(peak, alive)
        alive -= sum(sizes[slot] for slot in ends.get(time, ()))
    return peak


def _slots(graph: Graph, nodes: list[Node], in_place: Collection[Node]) -> dict[Tensor, int]:
    """Tensor → the piece of memory it lies in. A tensor without a slot is a weight."""
    slots = {tensor: i for i, tensor in enumerate(graph.inputs.values())}
    fresh = len(slots)
    for node in nodes:
        if node.op.view and not node.inputs:
            continue
        shares = node.op.view or node in in_place
        for tensor in node.outputs:
            if not shares:
                slots[tensor] = fresh
                fresh += 1
            elif node.inputs[0] in slots:
                slots[tensor] = slots[node.inputs[0]]
    return slots


def _last_use(graph: Graph, nodes: list[Node], slots: dict[Tensor, int]) -> dict[int, float]:
    """Slot → the time of the last node that makes or reads it; infinite for the network's outputs."""
    last: dict[int, float] = {}
    for time, node in enumerate(nodes):
        for tensor in (*node.inputs, *node.outputs):
            if tensor in slots:
                last[slots[tensor]] = time
    for tensor in graph.outputs.values():
        if tensor in slots:
            last[slots[tensor]] = inf
    return last
