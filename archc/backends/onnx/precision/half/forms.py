"""Operators in forms that CUDA can run in bf16.

onnxruntime's CUDA provider has convolutions in bf16 from opset 22 on. At that opset it has no MaxPool, Elu and
InstanceNormalization of any type, which would be left to the CPU, and no Clip and GlobalAveragePool in bf16, though it
has all of what these can be made of.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from archc.backends.onnx.passes.base import Change, ProgramPass
from archc.backends.onnx.precision.half.max_pool import FIRST, as_slices, spatial
from archc.backends.onnx.program import OnnxNode, Program


class Bf16Forms(ProgramPass):
    """Puts other nodes in the place of those that CUDA can't run in bf16. What they give is the same.

    A node whose sizes are not known stays as it is.
    """

    name = "bf16-forms"
    summary = "operators that CUDA can't run in bf16, by those that it can"

    def run(self, program: Program) -> list[Change]:
        changes: list[Change] = []
        for node in program.of_type(*_FORMS):
            form, what = _FORMS[node.op_type]
            result = form(program, node)
            if result is not None:
                _replace(program, node, result)
                changes.append(Change(node.layer, f"{node.op_type} as {what}"))
        return changes


def _replace(program: Program, node: OnnxNode, result: str) -> None:
    """Let what makes ``result`` make the node's output in its place."""
    producer, output = program.producer(result), node.outputs[0]
    assert producer is not None
    program.remove(node)
    program.set_output(producer, 0, output)


def _reduce_mean(program: Program, node: OnnxNode) -> str | None:
    size = spatial(program, node.inputs[0])
    if size is None:
        return None
    axes = program.constant(f"{node.layer}.axes", [*range(FIRST, FIRST + len(size))], "int64")
    return program.add("ReduceMean", [node.inputs[0], axes], like=node, keepdims=1)[0]


def _max_min(program: Program, node: OnnxNode) -> str | None:
    """Clip's own definition: the smaller of ``max`` and the larger of ``min`` and x."""
    result = node.inputs[0]
    for op, bound in zip(("Max", "Min"), node.inputs[1:], strict=False):
        if bound:
            (result,) = program.add(op, [result, bound], like=node)
    return result if result != node.inputs[0] else None


def _elu(program: Program, node: OnnxNode) -> str | None:
    """α (exp(min(x, 0)) − 1) + max(x, 0)."""

    def add(op: str, *inputs: str) -> str:
        return program.add(op, inputs, like=node)[0]

    zero, one = (program.constant(f"{node.layer}.{name}", value) for name, value in (("zero", 0.0), ("one", 1.0)))
    alpha = program.constant(f"{node.layer}.alpha", node.attributes.get("alpha", 1.0))
    x = node.inputs[0]
    below = add("Mul", add("Sub", add("Exp", add("Min", x, zero)), one), alpha)
    return add("Add", below, add("Max", x, zero))


def _layer_norm(program: Program, node: OnnxNode) -> str | None:
    """Of (N, groups, n) without scale and shift, as group norm has it: the norm of the last axis."""
    x, scale, shift = node.inputs
    before = program.producer(x)
    if before is None or before.op_type != "Reshape" or not program.is_constant(before.inputs[1]):
        return None
    sizes = program.value(before.inputs[1])
    plain = program.is_constant(scale) and program.is_constant(shift)
    if len(sizes) != 3 or not plain or (program.value(scale) != 1).any() or program.value(shift).any():
        return None
    ones = program.constant(f"{node.layer}.ones", np.ones(int(sizes[-1])))
    return program.add("LayerNormalization", [x, ones], like=node, axis=-1, epsilon=_epsilon(node))[0]


def _epsilon(node: OnnxNode) -> float:
    return node.attributes.get("epsilon", 1e-5)


_FORMS: dict[str, tuple[Callable[[Program, OnnxNode], str | None], str]] = {
    "Clip": (_max_min, "Max and Min"),
    "Elu": (_elu, "exponentials"),
    "GlobalAveragePool": (_reduce_mean, "ReduceMean"),
    "InstanceNormalization": (_layer_norm, "LayerNormalization"),
    "MaxPool": (as_slices, "maxima of strided slices"),
}
