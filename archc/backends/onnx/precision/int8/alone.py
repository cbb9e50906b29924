"""A program in which each layer computes in integers by itself, on exact inputs: what it loses is its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from archc.backends.onnx.precision.errors import BEHIND
from archc.backends.onnx.precision.int8.plan import Plan
from archc.backends.onnx.program import OnnxNode, Program


def alone(exact: Program, plan: Plan, rounded: Mapping[str, str], results: Iterable[str]) -> Program:
    """The exact program, and beside it the nodes of ``plan``, each reading what the exact one holds.

    A rounded tensor is there twice: the exact one's, for those that read it, and the layer's own, to be looked at.
    ``results`` are names in the plan's program; they have the same names here.
    """
    made = exact.copy()
    program = plan.program
    made.initializers.update(program.initializers)
    inputs = {bits: tensor for tensor, bits in rounded.items()}
    wanted = set(results)
    for node in program.nodes:
        if node.op_type == "QuantizeLinear" and node.outputs[0] in inputs:
            read_by = program.consumers(node.outputs[0])[0].inputs[1:]
            made.append(_quantize(inputs[node.outputs[0]], read_by, node.outputs[0] + BEHIND))
            if node.outputs[0] in wanted:
                made.append(_quantize(node.inputs[0] + BEHIND, node.inputs[1:], node.outputs[0]))
        elif node in plan.nodes or node.op_type == "DequantizeLinear":
            made.append(_beside(program, node))
    return made


def _quantize(tensor: str, parameters: Sequence[str], result: str) -> OnnxNode:
    return OnnxNode("QuantizeLinear", [tensor, *parameters], [result], name=result)


def _beside(program: Program, node: OnnxNode) -> OnnxNode:
    """The node, on what was rounded for it; constants, and sizes, are those of the exact program."""
    reads = [t + BEHIND if _is_rounded(program, t) else t for t in node.inputs]
    gives = [t + BEHIND for t in node.outputs]
    return OnnxNode(node.op_type, reads, gives, {**node.attributes}, node.name + BEHIND, node.layer, node.domain)


def _is_rounded(program: Program, tensor: str) -> bool:
    producer = program.producer(tensor)
    return producer is not None and producer.op_type in ("QuantizeLinear", "DequantizeLinear")
