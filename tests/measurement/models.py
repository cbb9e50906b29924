"""Small ONNX models, written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Shape = Sequence[int | str]


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Shape],
    outputs: Sequence[str] = ("y",),
    weights: Mapping[str, NDArray[np.generic]] | None = None,
    *,
    kind: int = TensorProto.FLOAT,
    output_shape: Shape | None = None,
) -> onnx.ModelProto:
    """A model of opset 18 whose inputs and outputs are all of one kind."""
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, kind, output_shape) for name in outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in (weights or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def conv_relu(kind: int = TensorProto.FLOAT, dtype: str = "float32") -> onnx.ModelProto:
    """A 3 × 3 convolution from 3 to 8 channels, and what is often fused with it."""
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["y"], name="relu"),
    ]
    weights = {"w": rng.random((8, 3, 3, 3)).astype(dtype), "b": rng.random(8).astype(dtype)}
    return model(nodes, {"x": ["N", 3, 10, 12]}, weights=weights, kind=kind, output_shape=["N", 8, 10, 12])


def saved(proto: onnx.ModelProto, path: Path) -> Path:
    """Written to a file."""
    path.write_bytes(proto.SerializeToString())
    return path
