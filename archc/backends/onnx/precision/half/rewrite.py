"""Giving nodes the types that a plan says, with casts where types meet."""

from __future__ import annotations

from archc.backends.onnx.precision.casts import cast, cast_output
from archc.backends.onnx.precision.dtypes import CAST, bound, dtypes, signature
from archc.backends.onnx.precision.half.plan import Plan
from archc.backends.onnx.precision.half.weights import Narrowing
from archc.backends.onnx.precision.types import SHORT
from archc.backends.onnx.program import OnnxNode, Program, TensorType
from archc.backends.onnx.wire import TYPES


class Rewriter:
    """Gives nodes their types, one after the other in order. A tensor is cast once for all that read it so."""

    def __init__(self, program: Program, plan: Plan, dtype: str, narrowing: Narrowing) -> None:
        self._program, self._plan, self._dtype, self._narrowing = program, plan, dtype, narrowing
        self._before = dtypes(program)
        self._now = dict(self._before)
        self._casts: dict[tuple[str, str], str] = {}
        self._shared = self._read_as_both()
        self.casts = 0

    def run(self) -> None:
        for node in self._program.nodes:
            if node.op_type != CAST:  # what was there before is as it was
                self._retype(node)

    def _wanted(self, node: OnnxNode) -> tuple[list[str | None], list[str | None]]:
        """The dtypes that the node's inputs and outputs are to have; None where it is all the same."""
        made = signature(self._program, node)
        if made is None:
            return [self._before.get(t) for t in node.inputs], [self._before.get(t) for t in node.outputs]
        types = bound(made, node, self._before)
        types.update(dict.fromkeys(self._plan.halves.get(node, ()), self._dtype))
        return [types.get(p) for p in made.inputs], [types.get(p, p if p in TYPES else None) for p in made.outputs]

    def _read_as_both(self) -> set[str]:
        """Constants that are read in half precision by some nodes and in fp32 by others."""
        halves: set[str] = set()
        others: set[str] = set(self._program.outputs)
        for node in self._program.nodes:
            for tensor, dtype in zip(node.inputs, self._wanted(node)[0], strict=True):
                (halves if dtype == self._dtype else others).add(tensor)
        return {tensor for tensor in halves & others if self._program.is_constant(tensor)}

    def _retype(self, node: OnnxNode) -> None:
        inputs, outputs = self._wanted(node)
        self._program.set_inputs(node, [self._read(node, t, d) for t, d in zip(node.inputs, inputs, strict=True)])
        for i, (tensor, dtype) in enumerate(zip(list(node.outputs), outputs, strict=True)):
            if tensor and dtype is not None:
                self._give(node, i, dtype)

    def _read(self, node: OnnxNode, tensor: str, dtype: str | None) -> str:
        """The tensor in that dtype."""
        if not tensor or dtype is None or self._now.get(tensor, dtype) == dtype:
            return tensor
        if (tensor, dtype) not in self._casts:
            self._casts[tensor, dtype] = self._converted(node, tensor, dtype)
        return self._casts[tensor, dtype]

    def _converted(self, node: OnnxNode, tensor: str, dtype: str) -> str:
        if not self._program.is_constant(tensor):
            made = cast(self._program, tensor, dtype, node)
            self._now[made] = dtype
            self.casts += 1
            return made
        if tensor in self._shared:
            return self._narrowing.copy(tensor, f"{tensor}.{SHORT[dtype]}")
        self._narrowing.convert(tensor)
        self._now[tensor] = dtype
        return tensor

    def _give(self, node: OnnxNode, index: int, dtype: str) -> None:
        """Let an output of the node have the dtype; an output of the model is cast to what the model declares."""
        program, tensor = self._program, node.outputs[index]
        declared = program.outputs.get(tensor)
        if declared is not None and declared.dtype != dtype:
            inner = cast_output(program, tensor, dtype)
            self._casts[inner, declared.dtype] = tensor
            self._now[inner], self._now[tensor] = dtype, declared.dtype
            self.casts += 1
            return
        self._now[tensor] = dtype
        if tensor in program.types:
            program.types[tensor] = TensorType(program.types[tensor].shape, dtype)
