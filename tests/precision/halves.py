"""Programs in half precision for these tests, and how they are run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort

import archc
from archc.backends.onnx.model import model_of
from archc.backends.onnx.passes.base import Applied, run_on_program
from archc.backends.onnx.precision.half import Bf16, Fp16, Half
from archc.backends.onnx.profiles import CPU, CUDA
from archc.backends.onnx.program import OnnxNode, Program, TensorType
from archc.graph.graph import Graph
from archc.verification import weights
from archc.verification.layers import tensors
from archc.verification.samples import random_samples

KINDS: dict[str, type[Half]] = {"fp16": Fp16, "bf16": Bf16}
SHAPE = (4, 6, 6)
X = TensorType(("N", *SHAPE))


def program(
    *nodes: OnnxNode, constants: Mapping[str, Any] | None = None, outputs: Sequence[str] = ("y",), opset: int = 18
) -> Program:
    """Nodes from the input ``x`` on, all tensors of one shape."""
    types = {name: X for node in nodes for name in node.outputs}
    made = Program(nodes, [], {"x": X}, dict.fromkeys(outputs, X), types, opset)
    for name, value in (constants or {}).items():
        array = np.asarray(value)
        made.constant(name, array, "int64" if array.dtype.kind == "i" else "float32")
    made.settle()
    return made


def node(op_type: str, inputs: str, output: str, **attributes: Any) -> OnnxNode:
    """A node that is called as its output is, which is a layer's path, or a path and a number within the layer."""
    layer = output.partition(":")[0]
    return OnnxNode(op_type, inputs.split(), [output], attributes, output, layer)


def conv(inputs: str, output: str) -> OnnxNode:
    return node("Conv", f"{inputs} w", output, kernel_shape=[1, 1])


W = {"w": np.eye(4, dtype=np.float32).reshape(4, 4, 1, 1)}


def halved(made: Program, kind: str = "fp16", *keep: str, provider: str | None = CUDA) -> Applied:
    return run_on_program(KINDS[kind](provider, keep), made)


def proto(made: Program) -> onnx.ModelProto:
    """The model, checked by onnx, all types among it."""
    model = model_of(made, "test").proto()
    if set(made.opsets) == {""}:
        onnx.checker.check_model(model, full_check=True)
    return model


def run(made: Program, feeds: Mapping[str, Any], provider: str = CPU) -> list[Any]:
    options: Any = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if provider != CPU:
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    session: Any = ort.InferenceSession(proto(made).SerializeToString(), options, providers=[provider])
    return list(session.run(None, dict(feeds)))


def casts(made: Program) -> list[tuple[str, str]]:
    """What each cast reads and makes."""
    return [(n.inputs[0], n.outputs[0]) for n in made.nodes if n.op_type == "Cast"]


def lively(network: str, size: int) -> tuple[Graph, dict[str, Any], dict[str, Any]]:
    """A network on images of this size, four of them, and weights that are fitted to them and to others."""
    ((name, tensor),) = archc.compile(network).graph.inputs.items()
    graph = archc.compile(network, input=[tensor.shape.channels, size, size]).graph
    samples = random_samples({name: graph.inputs[name].shape.dims}, 8, seed=0)
    return graph, samples.first(4), weights.lively(graph, tensors(samples.arrays), seed=1)
