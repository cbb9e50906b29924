"""Small ONNX models, made without archc."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Shape = Sequence[int | str | None]
LABELS = ("cat", "dog", "fox", "owl", "bee", "ant", "elk", "emu", "cod", "eel")


def classifier(
    path: Path,
    *,
    external: str | None = None,
    labels: Sequence[str] | None = LABELS,
    seed: int = 0,
    size: Shape = ("H", "W"),
) -> Path:
    """Images, of any size unless one is given, to 10 logits; the weights beside it in the file ``external``."""
    weight = np.random.default_rng(seed).normal(size=(10, 3, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "conv.weight"], ["conv"], pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["conv"], ["pool"]),
        helper.make_node("Flatten", ["pool"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, *size])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])],
        [numpy_helper.from_array(weight, "conv.weight")],
    )
    metadata = {"labels": json.dumps({"logits": list(labels)})} if labels else {}
    return save(graph, path, metadata, external)


def identities(path: Path, *tensors: tuple[str, int, Shape], **metadata: str) -> Path:
    """Every input given back as ``NAME_out``, in its own type and shape."""
    graph = helper.make_graph(
        [helper.make_node("Identity", [name], [f"{name}_out"]) for name, _, _ in tensors],
        "identities",
        [helper.make_tensor_value_info(name, dtype, shape) for name, dtype, shape in tensors],
        [helper.make_tensor_value_info(f"{name}_out", dtype, shape) for name, dtype, shape in tensors],
    )
    return save(graph, path, metadata)


def save(
    graph: onnx.GraphProto, path: Path, metadata: dict[str, str] | None = None, external: str | None = None
) -> Path:
    """The graph as a model, its weights in the file ``external`` where one is named."""
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, metadata or {})
    how: dict[str, Any] = {"save_as_external_data": True, "location": external, "size_threshold": 0} if external else {}
    onnx.save(model, path, **how)
    return path


def large(path: Path, *, megabytes: int, seed: int) -> Path:
    """A model of that size, all of it one weight."""
    weight = np.random.default_rng(seed).normal(size=(megabytes << 18,)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "weight"], ["y"])],
        "large",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", weight.size])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", weight.size])],
        [numpy_helper.from_array(weight, "weight")],
    )
    return save(graph, path)


def branches(path: Path, external: str) -> Path:
    """A model whose weights stand in the branches of an `If`, in the file ``external``."""
    sides: list[onnx.GraphProto] = []
    for number, side in enumerate(("then", "else")):
        tensor = onnx.TensorProto(name=f"{side}.weight", data_type=TensorProto.FLOAT, dims=[4])
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", external), ("offset", str(16 * number)), ("length", "16")):
            tensor.external_data.add(key=key, value=value)
        value = helper.make_tensor_value_info(f"{side}.y", TensorProto.FLOAT, [4])
        sides.append(
            helper.make_graph([helper.make_node("Identity", [tensor.name], [value.name])], side, [], [value], [tensor])
        )
    node = helper.make_node("If", ["c"], ["y"], then_branch=sides[0], else_branch=sides[1])
    graph = helper.make_graph(
        [node], "branches", [helper.make_tensor_value_info("c", TensorProto.BOOL, [])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [4])],
    )  # fmt: skip
    (path.parent / external).write_bytes(np.arange(8, dtype=np.float32).tobytes())
    return save(graph, path)
