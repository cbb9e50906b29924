"""What half precision costs: the rounded program, simulated, beside the one in fp32, on the same samples."""

from __future__ import annotations

from collections.abc import Iterable

from archc.backends.onnx.precision.casts import cast
from archc.backends.onnx.precision.dtypes import CAST, HALVES, dtypes
from archc.backends.onnx.precision.errors import BEHIND, Comparison, ErrorReport, Watched
from archc.backends.onnx.precision.evaluate import Sample
from archc.backends.onnx.precision.simulate import simulated, widened
from archc.backends.onnx.precision.types import FLOAT
from archc.backends.onnx.program import OnnxNode, Program
from archc.backends.onnx.wire import TYPES


def compare(exact: Program, half: Program, samples: Iterable[Sample]) -> ErrorReport:
    """How far ``half`` is from ``exact``, from which it was made: its outputs, and each layer by itself and in all.

    A layer of several nodes is its last one.
    """
    return _Sides(exact, half).comparison().report(samples)


class _Sides:
    """``alone`` is the exact program, and beside it each node in half precision on what the exact one holds."""

    def __init__(self, exact: Program, half: Program) -> None:
        self.exact, self.half, self.types = exact, half, dtypes(half)
        self.rounded, self.alone = simulated(half), exact.copy()
        self.watched: list[Watched] = []
        self.views: dict[str, str] = {}

    def comparison(self) -> Comparison:
        computing = [node for node in self.half.nodes if node.op_type != CAST]
        for node in {node.layer: node for node in computing}.values():
            if self.types.get(node.outputs[0]) in HALVES:
                self._watch(node)
        return Comparison(self.exact, self.rounded, self.alone, self.watched)

    def _watch(self, node: OnnxNode) -> None:
        tensor = node.outputs[0]
        name = self._exact_name(tensor)
        seen = cast(self.rounded, tensor, FLOAT, node)
        self.watched.append(Watched(node.layer, node.op_type, name, seen, None))
        own, to = name + BEHIND, TYPES[self.types[tensor]]
        results = [f"{own} exact", *(f"{own} {i}" for i in range(1, len(node.outputs)))]
        reads = [self._read(node, t) for t in node.inputs]
        attributes = dict(node.attributes)
        self.alone.append(OnnxNode(node.op_type, reads, results, attributes, own, node.layer, node.domain))
        self.alone.append(OnnxNode(CAST, results[:1], [f"{own} rounded"], {"to": to}, f"{own} rounded"))
        self.alone.append(OnnxNode(CAST, [f"{own} rounded"], [own], {"to": TYPES[FLOAT]}, f"{own} widened"))

    def _exact_name(self, tensor: str) -> str:
        """What the exact program calls a tensor: a cast's is that of what it reads, an output's that of the output."""
        while (producer := self.half.producer(tensor)) is not None and producer.op_type == CAST:
            tensor = producer.inputs[0]
        given = [n.outputs[0] for n in self.half.consumers(tensor) if n.op_type == CAST]
        return next((name for name in given if name in self.exact.outputs), tensor)

    def _read(self, reader: OnnxNode, tensor: str) -> str:
        """In ``alone``: the exact tensor, or where the node reads half precision, that rounded to it."""
        dtype = self.types.get(tensor)
        if not tensor or dtype not in HALVES:
            return self._exact_name(tensor) if tensor and tensor not in self.half.initializers else tensor
        if tensor not in self.views:
            constant = self.half.initializers.get(tensor)
            self.views[tensor] = (
                widened(self.alone, constant)
                if constant is not None
                else cast(self.alone, cast(self.alone, self._exact_name(tensor), dtype, reader), FLOAT, reader)
            )
        return self.views[tensor]
