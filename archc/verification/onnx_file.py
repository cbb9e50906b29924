"""A model in a file as onnx reads it: its nodes, its numbers, and the same model with more outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import onnx

from archc.backends.onnx.profiles import PROFILES, Precision
from archc.runtime.model_file import read_model
from archc.verification.tolerances import Step

_onnx: Any = onnx  # which says the types of its functions in part
_INTEGERS = {
    "QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger", "MatMulNBits",
}  # fmt: skip
_HALVES: dict[int, Precision] = {onnx.TensorProto.FLOAT16: "fp16", onnx.TensorProto.BFLOAT16: "bf16"}


class Made(NamedTuple):
    """A tensor and the node that makes it."""

    tensor: str
    node: Any  # onnx.NodeProto


@dataclass(frozen=True)
class OnnxFile:
    """Raises ModelError, when it is asked for anything, where the file is no model."""

    path: Path

    @cached_property
    def proto(self) -> Any:
        """The model without its large weights."""
        return read_model(self.path)

    @cached_property
    def precision(self) -> Precision:
        """Integers where its operators have them; else that of the profile it was written for, or of its weights."""
        if any(node.op_type in _INTEGERS for node in self.proto.graph.node):
            return "int8"
        said: str = next((e.value for e in self.proto.metadata_props if e.key == "profile"), "")
        if said in PROFILES:
            return PROFILES[said].precision
        kinds: set[int] = {tensor.data_type for tensor in self.proto.graph.initializer}
        found: list[Precision] = [name for kind, name in _HALVES.items() if kind in kinds]
        return found[0] if found else "fp32"

    @property
    def free_batch(self) -> bool:
        """Whether all inputs and outputs have a first axis, and its size is free."""
        sides = (*self.proto.graph.input, *self.proto.graph.output)
        first = [list(side.type.tensor_type.shape.dim)[:1] for side in sides]
        return all(dims and not dims[0].HasField("dim_value") for dims in first)

    @property
    def steps(self) -> Iterator[Step]:
        """The nodes in their order, which is one of execution."""
        return (Step(node.op_type, node.input, node.output) for node in self.proto.graph.node)

    @property
    def made(self) -> list[Made]:
        """The results of nodes, in order."""
        return [Made(name, node) for node in self.proto.graph.node for name in node.output if name]

    def showing(self, tensors: Sequence[str], folder: Path) -> Path:
        """The model with these tensors among its outputs, in a new file; onnxruntime finds out their types."""
        model = _onnx.load(str(self.path))
        outputs = {output.name for output in model.graph.output}
        for name in tensors:
            if name not in outputs:
                model.graph.output.add(name=name)
        path = folder / "showing.onnx"
        _onnx.save(model, str(path), save_as_external_data=True, location="showing.data")
        return path
