"""Which tensors lie in one piece of memory, and how large the pieces are."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from archc.graph.graph import Graph, Mode, Node, Tensor
from archc.ops.base import Extra
from archc.ops.shape import Shape

FLOAT_BYTES = 4
_ITEM_BYTES = {"float32": FLOAT_BYTES, "int64": 8}

Slot = int  # a piece of memory, as a number


class Storage:
    """The pieces of memory of a graph run in a mode, at a batch, in fp32.

    ``slots`` has the piece of each tensor; a tensor that is a weight has none. A view, and a node of ``in_place``,
    gives its input's. ``sizes`` has the bytes of each piece.
    """

    def __init__(self, graph: Graph, mode: Mode, batch: int, in_place: Collection[Node] = ()) -> None:
        self._batch = batch
        self.slots: dict[Tensor, Slot] = {}
        self.sizes: list[int] = []
        for tensor in graph.inputs.values():
            self._fresh(tensor)
        for node in graph.live(mode):
            if node.op.is_view(training=mode == "train"):
                self._shared(node)
            elif node in in_place:
                self._share(node.output, node.inputs[0])
            else:
                for tensor in node.outputs:
                    self._fresh(tensor)

    def _fresh(self, tensor: Tensor) -> None:
        self.slots[tensor] = len(self.sizes)
        self.sizes.append(self._numbers(tensor.shape) * FLOAT_BYTES)

    def _shared(self, node: Node) -> None:
        """Wiring gives its inputs one by one, a cut gives parts of the one that it has, a parameter gives a weight."""
        if len(node.inputs) == 1:
            for tensor in node.outputs:
                self._share(tensor, node.inputs[0])
        elif node.inputs:
            for tensor, source in zip(node.outputs, node.inputs, strict=True):
                self._share(tensor, source)

    def _share(self, tensor: Tensor, source: Tensor) -> None:
        if source in self.slots:
            self.slots[tensor] = self.slots[source]

    def _numbers(self, shape: Shape) -> int:
        return shape.numel * self._batch if shape.batched else shape.numel

    def extra(self, extras: Iterable[Extra]) -> int:
        """The bytes of what an op makes beside its outputs."""
        return sum(self._numbers(e.shape) * _ITEM_BYTES[e.dtype] for e in extras)
