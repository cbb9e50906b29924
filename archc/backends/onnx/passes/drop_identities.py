"""Taking away nodes that give what they are given."""

from __future__ import annotations

from collections.abc import Callable

from archc.backends.onnx.passes.base import Change, ProgramPass
from archc.backends.onnx.passes.patterns import window
from archc.backends.onnx.program import OnnxNode, Program
from archc.backends.onnx.wire import TYPES

Rule = Callable[[Program, OnnxNode], bool]


class DropIdentities(ProgramPass):
    """Takes away nodes whose output is their input: 1 × 1 pools, casts to the type that is there, and the like.

    One that gives an output of the model its name stays where nothing else can.
    """

    name = "drop-identities"
    summary = "nodes that give what they are given go: 1 × 1 pools, dropout, a concat of one, casts to the same type"

    def run(self, program: Program) -> list[Change]:
        found = [node for node in program.of_type(*_RULES) if _RULES[node.op_type](program, node)]
        return [Change(node.layer, f"without {node.op_type}") for node in found if program.bypass(node)]


def _always(program: Program, node: OnnxNode) -> bool:
    return True


def _alone(program: Program, node: OnnxNode) -> bool:
    return len(node.inputs) == 1


def _no_mask(program: Program, node: OnnxNode) -> bool:
    """In eval mode; a file of archc's is in no other."""
    return len(node.outputs) == 1 and len(node.inputs) < 3


def _smallest_pool(program: Program, node: OnnxNode) -> bool:
    found = window(program, node)
    return len(node.outputs) == 1 and found is not None and found.pointwise


def _same_type(program: Program, node: OnnxNode) -> bool:
    dtype = program.dtype(node.inputs[0])
    return dtype is not None and TYPES.get(dtype) == node.attributes["to"]


def _same_order(program: Program, node: OnnxNode) -> bool:
    order = node.attributes.get("perm")
    return order is not None and list(order) == list(range(len(order)))


def _same_shape(program: Program, node: OnnxNode) -> bool:
    """Where sizes are known to be equal; of those that are named, the batch alone is sure to be one size."""
    before, after = program.shape(node.inputs[0]), program.shape(node.outputs[0])
    return before is not None and before == after


def _by_nothing(program: Program, node: OnnxNode) -> bool:
    return program.is_constant(node.inputs[1]) and not program.value(node.inputs[1]).any()


_RULES: dict[str, Rule] = {
    "Identity": _always,
    "Dropout": _no_mask,
    "Concat": _alone,
    "Sum": _alone,
    "Max": _alone,
    "Min": _alone,
    "Mean": _alone,
    "MaxPool": _smallest_pool,
    "AveragePool": _smallest_pool,
    "Cast": _same_type,
    "Transpose": _same_order,
    "Reshape": _same_shape,
    "Flatten": _same_shape,
    "Pad": _by_nothing,
}

rewrite = DropIdentities()
