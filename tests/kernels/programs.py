"""Programs to ask kernels for: those of single ops, of networks, and of either in other numbers."""

from __future__ import annotations

from collections.abc import Iterator

import onnx
from onnx import helper, numpy_helper

import archc
from archc.backends.onnx.lower import OPSET, Layers, lower
from archc.backends.onnx.model import emit_op
from archc.backends.onnx.program import OnnxNode, Program, TensorType
from archc.backends.onnx.wire import TYPES, Initializer, dtype_of
from archc.ops import OPS
from archc.runtime.kernels import operator

_NAMES = {number: name for name, number in TYPES.items()}


def op_models() -> dict[str, onnx.ModelProto]:
    """The examples of all ops that make nodes, by how they are written in a spec."""
    models: dict[str, onnx.ModelProto] = {}
    for name, op in OPS.items():
        for example in op.examples:
            model = emit_op(op.of(*example.args, **example.kwargs), example.on)
            given = ", ".join([*map(repr, example.args), *(f"{k}={v!r}" for k, v in example.kwargs.items())])
            shapes = ", ".join("×".join(map(str, shape.dims)) for shape in example.on)
            if model.graph.node:
                models[f"{name}({given}) on {shapes}"] = model
    return models


def of_model(model: onnx.ModelProto) -> Program:
    """An op's model as a program again."""
    nodes = [
        OnnxNode(n.op_type, list(n.input), list(n.output), {a.name: helper.get_attribute_value(a) for a in n.attribute})
        for n in model.graph.node
    ]
    weights = [
        Initializer(t.name, tuple(t.dims), _NAMES[t.data_type], lambda t=t: numpy_helper.to_array(t))
        for t in model.graph.initializer
    ]
    inputs, outputs = (dict(_types(side)) for side in (model.graph.input, model.graph.output))
    return Program(nodes, weights, inputs, outputs, {}, model.opset_import[0].version)


def _types(values: list[onnx.ValueInfoProto]) -> Iterator[tuple[str, TensorType]]:
    for value in values:
        tensor = value.type.tensor_type
        yield (
            value.name,
            TensorType(tuple(d.dim_param or d.dim_value for d in tensor.shape.dim), _NAMES[tensor.elem_type]),
        )


def model_in(model: onnx.ModelProto, dtype: str, opset: int = OPSET) -> onnx.ModelProto:
    """The model with its fp32 tensors in another type, but for inputs that an operator wants in fp32; at an opset."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    made.opset_import[0].version = opset
    keep = set(_always_single(model, opset))
    for value in (*made.graph.input, *made.graph.output):
        if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT and value.name not in keep:
            value.type.tensor_type.elem_type = TYPES[dtype]
    for tensor in made.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and tensor.name not in keep:
            array = numpy_helper.to_array(tensor).astype(dtype_of(dtype))
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    return made


def _always_single(model: onnx.ModelProto, opset: int) -> Iterator[str]:
    for node in model.graph.node:
        meant = operator(node.op_type, opset, node.domain)
        assert meant is not None, node.op_type
        yield from (
            name for name, argument in zip(node.input, meant.inputs, strict=False) if argument.type == "float32"
        )


def of_network(name: str) -> Program:
    """A network of the library, its batch norms not folded."""
    program, _ = lower(Layers.of(archc.compile(name).graph, None, 0))
    return program
