"""How much memory training keeps between forward and backward."""

from __future__ import annotations

from collections.abc import Collection

from archc.graph.graph import Graph, Node, Tensor
from archc.graph.memory.storage import Slot, Storage


def saved_for_backward(graph: Graph, batch: int = 1, in_place: Collection[Node] = ()) -> dict[Node, int]:
    """Node → the bytes that autograd keeps for its backward and for that of no node before it, in train mode.

    They are the tensors of ``torch.autograd.graph.saved_tensors_hooks`` in fp32, weights and buffers aside: memory that
    several tensors share counts once and whole, also where a part of it is kept. The network's inputs count where a
    layer keeps them; they themselves need no gradient. Figures are of the whole batch.
    """
    storage = Storage(graph, "train", batch, in_place)
    needs = _needs(graph)
    kept: set[Slot] = set()
    saved: dict[Node, int] = {}
    for node in graph.live("train"):
        found = 0
        if any(t in needs for t in node.outputs):
            rule = node.op.saves([t.shape for t in node.inputs], [t in needs for t in node.inputs])
            found = storage.extra(rule.extras)
            tensors = [*(node.inputs[i] for i in rule.inputs), *(node.outputs if rule.output else ())]
            if node in in_place and node.op.copies_input:
                found += storage.sizes[storage.slots[node.output]]
                tensors = []
            for slot in (storage.slots[t] for t in tensors if t in storage.slots):
                found += 0 if slot in kept else storage.sizes[slot]
                kept.add(slot)
        saved[node] = found
    return saved


def _needs(graph: Graph) -> set[Tensor]:
    """The tensors that have a gradient: those that some parameter goes into."""
    needs: set[Tensor] = set()
    for node in graph.live("train"):
        if any(t in needs for t in node.inputs) or not all(w.buffer for w in node.weights.values()):
            needs.update(node.outputs)
    return needs
