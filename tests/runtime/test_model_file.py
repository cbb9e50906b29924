"""What a model's file says, read without running it."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from archc.runtime.errors import ModelError
from archc.runtime.model_file import inputs_of, read_model


def model() -> onnx.ModelProto:
    """Of ONNX's older kind, with its weight among the inputs, and that in a file that is not there."""
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("w", "x", "z")]
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2], data_location=TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value="none.data")
    nodes = [helper.make_node("Sum", ["x", "w", "z"], ["y"])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])]
    return helper.make_model(helper.make_graph(nodes, "g", inputs, outputs, [weight]))


def test_weights_are_no_inputs_and_need_not_be_there(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(model().SerializeToString())
    for source in (path, path.read_bytes()):
        assert [value.name for value in inputs_of(read_model(source))] == ["x", "z"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"no model", "is no ONNX model, or is cut off"),
        (b"", "it has no version, no opset or no outputs"),
        (model().SerializeToString()[:-5], "is no ONNX model"),
    ],
)
def test_what_is_no_model(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=rf"m\.onnx {message}|m\.onnx is no ONNX model: {message}"):
        read_model(path)
    with pytest.raises(ModelError, match="the model is no ONNX model"):
        read_model(data)
