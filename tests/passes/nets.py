"""Small networks, node by node, for tests of passes; and what a pass makes of them, checked in all that must hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from archc.backends.onnx import passes
from archc.backends.onnx.model import model_of
from archc.backends.onnx.passes.base import Change, ProgramPass, run_on_program
from archc.backends.onnx.program import OnnxNode, Program, TensorType

Array = NDArray[Any]
OPSET = 18
TOLERANCE = 1e-5  # of the largest number


class Net:
    """A network with the input ``x``; nodes are named, and give the name of their first output.

    ::

        net = Net(3, 8, 8)
        y = net.conv("conv", "x", 4, 1)
        y = net.node("Relu", "relu", y)
        program = net.program(y)
    """

    def __init__(self, *shape: int, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.inputs = {"x": TensorType(("N", *shape))}
        self.nodes: list[OnnxNode] = []
        self.weights: dict[str, Array] = {}

    def node(self, op_type: str, name: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        made = [name if i == 0 else f"{name}.{i}" for i in range(outputs)]
        self.nodes.append(OnnxNode(op_type, list(inputs), made, attributes, name, name))
        return name

    def weight(self, name: str, value: Any, dtype: str = "float32") -> str:
        self.weights[name] = np.asarray(value, dtype)
        return name

    def conv(
        self, name: str, x: str, channels: int, kernel: int, *, of: int, stride: int = 1, pad: int = 0,
        group: int = 1, bias: bool = True,
    ) -> str:  # fmt: skip
        """A convolution of a map of ``of`` channels, with random weights."""
        weight = self.rng.normal(size=(channels, of // group, kernel, kernel)) / np.sqrt(of // group * kernel**2)
        inputs = [x, self.weight(f"{name}.weight", weight)]
        if bias:
            inputs.append(self.weight(f"{name}.bias", self.rng.normal(size=channels)))
        return self.node(
            "Conv", name, *inputs, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4, group=group
        )

    def norm(self, name: str, x: str, channels: int, scale: Sequence[float] | None = None, **given: Any) -> str:
        """A batch norm, whose gains are positive unless they are given."""
        values = {
            "weight": self.rng.uniform(0.3, 2, channels) if scale is None else scale,
            "bias": self.rng.normal(size=channels),
            "running_mean": self.rng.normal(size=channels),
            "running_var": self.rng.uniform(0.3, 2, channels),
        }
        inputs = [self.weight(f"{name}.{key}", given.get(key, value)) for key, value in values.items()]
        return self.node("BatchNormalization", name, x, *inputs, epsilon=given.get("epsilon", 1e-3))

    def program(self, *outputs: str) -> Program:
        """Settled, with the types of all tensors, as onnx infers them."""
        draft = Program(self.nodes, (), self.inputs, {}, {}, OPSET)
        for name, value in self.weights.items():
            draft.constant(name, value, value.dtype.name)
        types = _inferred(draft)
        types = {name: type for name, type in types.items() if name not in self.inputs}
        given = {name: types[name] for name in outputs}
        program = Program(self.nodes, draft.initializers.values(), self.inputs, given, types, OPSET)
        program.settle()
        return program


def _inferred(program: Program) -> dict[str, TensorType]:
    inferred = onnx.shape_inference.infer_shapes(model_of(program, "net").proto(), strict_mode=True, data_prop=True)
    found: dict[str, TensorType] = {}
    for value in inferred.graph.value_info:
        kind = value.type.tensor_type
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)).name
        found[value.name] = TensorType(tuple(d.dim_param or d.dim_value for d in kind.shape.dim), dtype)
    return found


def run(program: Program, feeds: Mapping[str, Array], *, optimised: bool = False) -> dict[str, Array]:
    """Outputs by name, by onnxruntime; without its own optimisations unless they are asked for."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    proto = model_of(program, "net").proto()
    onnx.checker.check_model(proto, full_check=True)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, dict(feeds)), strict=True))


def feeds_of(program: Program, batch: int, seed: int = 1) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    shapes = {name: [n if isinstance(n, int) else batch for n in type.shape] for name, type in program.inputs.items()}
    return {name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()}


def difference(found: Array, wanted: Array) -> float:
    """The largest difference, as a part of the largest number, or of 0.1 where a ReLU left next to nothing.

    What a pass adds and takes away again is rounded by its own size, which is about 1 here.
    """
    assert found.shape == wanted.shape
    assert np.isfinite(wanted).all()
    largest = np.abs(wanted).max(initial=0.0)
    return float(np.abs(np.float64(found) - wanted).max(initial=0.0) / max(largest, 0.1))


def rewritten(name: str, build: Callable[[], Program], tolerance: float = TOLERANCE) -> tuple[Program, list[Change]]:
    """The program after the pass, and what it did: a valid model, of the same inputs, outputs, types and numbers."""
    one = passes.load(name)
    assert isinstance(one, ProgramPass)
    before, after = build(), build()
    changes = list(run_on_program(one, after).changes)
    assert (after.inputs, after.outputs) == (before.inputs, before.outputs)
    known = {name: type for name, type in _inferred(after).items() if name in after.types}
    assert known == {name: after.types[name] for name in known}
    for batch in (1, 3):
        feeds = feeds_of(before, batch)
        wanted = run(before, feeds)
        for output, array in run(after, feeds).items():
            assert difference(array, wanted[output]) <= tolerance, output
    same_tensors(before, after, tolerance)
    again = list(run_on_program(one, after).changes)
    assert not again, "a second run finds nothing left"
    return after, changes


def same_tensors(before: Program, after: Program, tolerance: float = TOLERANCE) -> None:
    """Tensors of one name have the same numbers: layers can still be compared by name."""
    kept = [name for name in before.types if name in after.types and name not in before.outputs]
    feeds = feeds_of(before, 2, seed=2)
    found, wanted = (run(exposed(program, kept), feeds) for program in (after, before))
    for name in kept:
        assert difference(found[name], wanted[name]) <= tolerance, name


def exposed(program: Program, tensors: Iterable[str]) -> Program:
    """A copy that gives these tensors as well."""
    outputs = {**program.outputs, **{name: program.types[name] for name in tensors}}
    nodes, initializers = program.copy().nodes, program.initializers.values()
    made = Program(nodes, initializers, program.inputs, outputs, program.types, program.opsets[""])
    made.settle()
    return made


def types_of(program: Program) -> list[str]:
    """The types of the nodes, in order."""
    return [node.op_type for node in program.nodes]
