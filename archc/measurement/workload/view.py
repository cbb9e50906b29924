"""An ONNX model at fixed sizes: every tensor with its shape and type, by onnx's shape inference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import onnx
from onnx import helper, inliner, shape_inference

from archc.runtime.errors import ModelError
from archc.runtime.kernels.table import ONNX
from archc.runtime.model_file import inputs_of, read_model

_SMALL = 1024  # numbers; smaller constants are kept, since shapes can rest on them


@dataclass(frozen=True, slots=True)
class TensorView:
    """A tensor's shape and its onnx element type. ``constant``: it is a weight, or another number of the file."""

    name: str
    shape: tuple[int, ...]
    kind: int
    constant: bool = False

    @property
    def numel(self) -> int:
        """Its number of elements."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """What it takes in memory; types of four bits take half a byte."""
        return (self.numel * _bits(self.kind) + 7) // 8


@dataclass(frozen=True)
class NodeView:
    """A node and the tensors that it reads and writes; inputs that are left out, or of unknown shape, are None."""

    name: str
    op: str
    inputs: tuple[TensorView | None, ...]
    outputs: tuple[TensorView | None, ...]
    proto: onnx.NodeProto

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """As Python's values."""
        return {a.name: helper.get_attribute_value(a) for a in self.proto.attribute}

    def input(self, index: int) -> TensorView:
        """Raises KeyError where it is not there, or of unknown shape."""
        return _known(self.inputs, index)

    def output(self, index: int = 0) -> TensorView:
        """Raises KeyError where it is not there, or of unknown shape."""
        return _known(self.outputs, index)


@dataclass(frozen=True)
class ModelView:
    """The nodes in the order of the file, and the names of what comes in and goes out."""

    nodes: tuple[NodeView, ...]
    inputs: tuple[TensorView, ...]
    outputs: tuple[str, ...]


def view(model: Path | bytes | onnx.ModelProto, shapes: Mapping[str, Sequence[int]]) -> ModelView:
    """The model with its inputs of these shapes, the batch included. Raises ModelError where that can't be."""
    proto = _inlined(model if isinstance(model, onnx.ModelProto) else read_model(model))
    constants = {i.name: TensorView(i.name, tuple(i.dims), i.data_type, True) for i in proto.graph.initializer}
    inputs = [_fixed(i, shapes) for i in inputs_of(proto)]
    tensors = {**_inferred(proto, inputs, constants), **constants}

    def seen(names: Sequence[str]) -> tuple[TensorView | None, ...]:
        return tuple(tensors.get(name) for name in names)

    nodes = tuple(NodeView(n.name, n.op_type, seen(n.input), seen(n.output), n) for n in proto.graph.node)
    return ModelView(nodes, tuple(tensors[i.name] for i in inputs), tuple(o.name for o in proto.graph.output))


def _inlined(proto: onnx.ModelProto) -> onnx.ModelProto:
    return inliner.inline_local_functions(proto) if proto.functions else proto


def _fixed(info: onnx.ValueInfoProto, shapes: Mapping[str, Sequence[int]]) -> onnx.ValueInfoProto:
    dims = [d.dim_value or d.dim_param for d in info.type.tensor_type.shape.dim]
    given = list(shapes.get(info.name, [d for d in dims if isinstance(d, int)]))
    if len(given) != len(dims) or any(isinstance(d, int) and d != g for d, g in zip(dims, given, strict=True)):
        raise ModelError(f"input {info.name!r} is {dims}, and can't be {given}")
    return helper.make_tensor_value_info(info.name, info.type.tensor_type.elem_type, given)


def _inferred(
    proto: onnx.ModelProto, inputs: Sequence[onnx.ValueInfoProto], constants: Mapping[str, TensorView]
) -> dict[str, TensorView]:
    """Shapes of all that onnx knows how to infer, from a copy that has large constants as inputs, without numbers."""
    large = [c for c in constants.values() if c.numel > _SMALL]
    bare = onnx.ModelProto(ir_version=proto.ir_version, opset_import=proto.opset_import)
    bare.graph.name = "bare"
    bare.graph.node.extend(proto.graph.node)
    bare.graph.initializer.extend(i for i in proto.graph.initializer if constants[i.name].numel <= _SMALL)
    bare.graph.input.extend(inputs)
    bare.graph.input.extend(helper.make_tensor_value_info(c.name, c.kind, c.shape) for c in large)
    declared = {info.name: info for info in _declared(proto, inputs)}
    bare.graph.output.extend(declared.pop(o.name, onnx.ValueInfoProto(name=o.name)) for o in proto.graph.output)
    bare.graph.value_info.extend(declared.values())
    try:
        graph = shape_inference.infer_shapes(bare, data_prop=True).graph
    except Exception as e:  # onnx raises classes of its own compiled module
        raise ModelError(f"onnx can't infer the shapes: {e}") from e
    found = (_seen(info) for info in (*graph.input, *graph.value_info, *graph.output))
    return {tensor.name: tensor for tensor in found if tensor is not None}


def _declared(proto: onnx.ModelProto, inputs: Sequence[onnx.ValueInfoProto]) -> Iterator[onnx.ValueInfoProto]:
    """What the model says of results that onnx can't infer, with the sizes that the inputs have."""
    pairs = ((asked, given) for asked, given in zip(inputs_of(proto), inputs, strict=True))
    sizes = {
        free.dim_param: given.dim_value
        for asked, fixed in pairs
        for free, given in zip(asked.type.tensor_type.shape.dim, fixed.type.tensor_type.shape.dim, strict=True)
        if free.dim_param
    }
    foreign = {name for node in proto.graph.node if node.domain not in ("", ONNX) for name in node.output}
    for info in (*proto.graph.value_info, *proto.graph.output):
        tensor = info.type.tensor_type
        dims = [d.dim_value or sizes.get(d.dim_param) for d in tensor.shape.dim]
        if info.name in foreign and tensor.HasField("shape") and all(dims):
            yield helper.make_tensor_value_info(info.name, tensor.elem_type, dims)


def _seen(info: onnx.ValueInfoProto) -> TensorView | None:
    tensor = info.type.tensor_type
    if not tensor.HasField("shape") or any(not d.HasField("dim_value") for d in tensor.shape.dim):
        return None
    return TensorView(info.name, tuple(d.dim_value for d in tensor.shape.dim), tensor.elem_type)


def _known(tensors: Sequence[TensorView | None], index: int) -> TensorView:
    tensor = tensors[index] if index < len(tensors) else None
    if tensor is None:
        raise KeyError(index)
    return tensor


def _bits(kind: int) -> int:
    name = onnx.TensorProto.DataType.Name(kind)
    if name in ("UINT4", "INT4", "FLOAT4E2M1"):
        return 4
    return helper.tensor_dtype_to_np_dtype(kind).itemsize * 8
