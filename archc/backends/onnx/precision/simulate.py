"""Half precision on a machine that has none: each node computes in fp32, and what it gives is rounded.

That is what a GPU does, whose convolutions and products of matrices read half precision, add up in fp32 and round the
sum; only what it fuses into one kernel is rounded once and not twice. onnxruntime on a CPU has no bf16 kernels, and for
fp16 none of convolutions: there it puts casts around each node and takes away those that meet, so that nothing is
rounded between nodes, and the model seems better than it is.
"""

from __future__ import annotations

import numpy as np

from archc.backends.onnx.precision.casts import cast
from archc.backends.onnx.precision.dtypes import CAST, HALVES, dtypes
from archc.backends.onnx.precision.types import FLOAT, SHORT
from archc.backends.onnx.program import OnnxNode, Program, TensorType
from archc.backends.onnx.values import Array
from archc.backends.onnx.wire import TYPES, Initializer


def simulated(program: Program) -> Program:
    """A program that gives, in fp32 arithmetic, what this one gives on a device that has its types.

    Inputs, outputs and all tensors between nodes have the names and the types that they have in ``program``, which is
    left as it is. It must be in order.
    """
    return _Simulation(program).run()


class _Simulation:
    def __init__(self, program: Program) -> None:
        self._types = dtypes(program)
        self._made = program.copy()
        self._views: dict[str, str] = {}

    def run(self) -> Program:
        for node in self._made.nodes:
            if node.op_type != CAST and any(self._is_half(t) for t in (*node.inputs, *node.outputs)):
                self._surround(node)
        self._made.settle()
        return self._made

    def _is_half(self, tensor: str) -> bool:
        return self._types.get(tensor) in HALVES

    def _surround(self, node: OnnxNode) -> None:
        program = self._made
        program.set_inputs(node, [self._in_fp32(node, t) if self._is_half(t) else t for t in node.inputs])
        for i, tensor in enumerate(list(node.outputs)):
            if self._is_half(tensor):
                self._round(node, i, tensor)

    def _in_fp32(self, reader: OnnxNode, tensor: str) -> str:
        """The tensor in fp32: half precision's numbers are all among those of fp32."""
        if tensor not in self._views:
            constant = self._made.initializers.get(tensor)
            self._views[tensor] = (
                cast(self._made, tensor, FLOAT, reader) if constant is None else widened(self._made, constant)
            )
        return self._views[tensor]

    def _round(self, node: OnnxNode, index: int, tensor: str) -> None:
        """Let the node make an output in fp32, and a cast round it."""
        program, dtype = self._made, self._types[tensor]
        exact = program.unique(f"{tensor}.exact")
        known = program.types.get(tensor)
        program.set_output(node, index, exact)
        if known is not None:
            program.types[exact] = TensorType(known.shape, FLOAT)
        program.append(OnnxNode(CAST, [exact], [tensor], {"to": TYPES[dtype]}, f"{exact}.{SHORT[dtype]}", node.layer))


def widened(program: Program, constant: Initializer) -> str:
    """A new initializer with the numbers of this one in fp32; gives its name."""

    def read() -> Array:
        return constant.read().astype(np.float32)

    return program.initializer(f"{constant.name}.{SHORT[FLOAT]}", constant.shape, FLOAT, read)
