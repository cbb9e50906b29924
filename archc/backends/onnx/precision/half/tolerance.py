"""How far a model in half precision may be from the one in fp32."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

from archc.backends.onnx.precision.dtypes import CAST, HALVES, dtypes
from archc.backends.onnx.precision.half.table import MOVERS
from archc.backends.onnx.program import OnnxNode, Program

UNIT = {"float16": 2**-11, "bfloat16": 2**-8}  # the largest relative error of one rounding to nearest


def tolerance(program: Program) -> float:
    """The largest ‖a − b‖ / ‖b‖ of an output that rounding alone explains; 0 where nothing is half precision.

    Each rounding is off by u at most, and those along a path through the network add up as a random walk does: n of
    them by u·√n, of which twice is allowed, since layers may enlarge what came before them. A node rounds its result,
    and once more its weights. No less than 4 u is allowed, which is 2e-3 for fp16 and 1.6e-2 for bf16. The program must
    be in order.
    """
    types = dtypes(program)
    unit = max((UNIT[t] for t in types.values() if t in HALVES), default=0.0)
    steps = ((node.inputs, node.outputs, _roundings(program, node, types)) for node in program.nodes)
    return unit * max(4.0, 2 * sqrt(longest_path(steps)))


def longest_path(steps: Iterable[tuple[Iterable[str], Iterable[str], int]]) -> int:
    """The most roundings on any path. Steps are nodes in an order of execution: what is read, what is made, how often
    that is rounded.
    """
    walked: dict[str, int] = {}
    for inputs, outputs, roundings in steps:
        before = max((walked.get(tensor, 0) for tensor in inputs), default=0)
        walked.update(dict.fromkeys(outputs, before + roundings))
    return max(walked.values(), default=0)


def _roundings(program: Program, node: OnnxNode, types: dict[str, str]) -> int:
    rounded = [t for t in node.outputs if types.get(t) in HALVES]
    if not rounded or node.op_type in MOVERS:
        return 0
    weights = any(program.is_constant(t) and types.get(t) in HALVES for t in node.inputs)
    return 1 + (weights and node.op_type != CAST)
