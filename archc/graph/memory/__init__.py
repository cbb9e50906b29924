"""How much memory a network's tensors need at once in inference, by liveness; in training, see ``saved``.

What is counted are the tensors of a PyTorch module as archc writes it: inputs, outputs, and what lies between. Weights
and buffers are not, nor are the workspaces of the libraries that compute convolutions and products.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from archc.graph.graph import Graph, Node
from archc.graph.memory.frames import held_until
from archc.graph.memory.storage import Slot, Storage


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that are alive while each node runs in eval mode, and the most of them. Both are of the whole batch."""

    at: dict[Node, int]
    peak: int


def memory(graph: Graph, batch: int = 1, in_place: Collection[Node] = ()) -> Memory:
    """The bytes of fp32 tensors that are alive at each node in eval mode, weights aside.

    Nodes run in the order of the spec. A tensor lives from the node that makes it until no call of the generated module
    holds it any more (see ``archc.graph.memory.frames``). A view, and a node of ``in_place``, writes into its input's
    memory. What an op makes and throws away counts while it runs.
    """
    storage = Storage(graph, "eval", batch, in_place)
    ends = _ends(graph, storage)
    held = {storage.slots[t] for t in graph.inputs.values()}
    alive = sum(storage.sizes[slot] for slot in held)
    at: dict[Node, int] = {}
    for time, node in enumerate(graph.live("eval")):
        for slot in (storage.slots[t] for t in node.outputs if t in storage.slots):
            if slot not in held:
                held.add(slot)
                alive += storage.sizes[slot]
        at[node] = alive + storage.extra(node.op.scratch([t.shape for t in node.inputs]))
        alive -= sum(storage.sizes[slot] for slot in ends.get(time, ()))
    return Memory(at, max(at.values(), default=alive))


def _ends(graph: Graph, storage: Storage) -> dict[float, list[Slot]]:
    """The place of a node → the memory that nothing holds after it."""
    last: dict[Slot, float] = {}
    for tensor, until in held_until(graph).items():
        if (slot := storage.slots.get(tensor)) is not None:
            last[slot] = max(last.get(slot, until), until)
    ends: dict[float, list[Slot]] = {}
    for slot, end in last.items():
        ends.setdefault(end, []).append(slot)
    return ends
