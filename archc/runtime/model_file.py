"""An ONNX model as its file has it: for all that asks what a model is, and not what it computes."""

from __future__ import annotations

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from archc.runtime.errors import ModelError


def read_model(model: Path | bytes) -> onnx.ModelProto:
    """The model in a file, or as bytes; files of external data are not looked at. Raises ModelError and OSError."""
    name = "the model" if isinstance(model, bytes) else model
    data = model if isinstance(model, bytes) else model.read_bytes()
    try:
        proto = onnx.ModelProto.FromString(data)
    except DecodeError as e:
        raise ModelError(f"{name} is no ONNX model, or is cut off") from e
    if not proto.ir_version or not proto.opset_import or not proto.graph.output:
        raise ModelError(f"{name} is no ONNX model: it has no version, no opset or no outputs")
    return proto


def inputs_of(proto: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """What a caller must give, in order: older models list their weights among the inputs too."""
    given = {tensor.name for tensor in proto.graph.initializer}
    return [value for value in proto.graph.input if value.name not in given]
