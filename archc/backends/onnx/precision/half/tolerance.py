"""How far a model in half precision may be from the one in fp32."""

from __future__ import annotations

from collections.abc import Iterable
from math import log, sqrt

from archc.backends.onnx.precision.dtypes import HALVES, dtypes
from archc.backends.onnx.precision.half.table import MOVERS
from archc.backends.onnx.program import OnnxNode, Program

UNIT = {"float16": 2**-11, "bfloat16": 2**-8}  # the largest relative error of one rounding to nearest
TYPICAL = sqrt(1 / 8 / log(2))  # of that, the error's deviation over numbers whose logarithms are spread evenly: 0.42
ALLOWED = 3  # times that
LEAST = 4.0  # units that are allowed in any case


def tolerance(program: Program) -> float:
    """The largest ‖a − b‖ / ‖b‖ of an output that rounding alone explains; 0 where nothing is half precision.

    The errors of the results along a path through the network add up as a random walk does: n of them, each of 0.42 u
    typically, to 0.42 u √n. Three times as much is allowed, for what weights add and layers enlarge; GoogLeNet on small
    images comes to 2.2 times. No less than 4 u is allowed, which is 2e-3 for fp16 and 1.6e-2 for bf16. Weights are not
    counted, since their errors in a filter cancel (``rounding``). The program must be in order.
    """
    types = dtypes(program)
    unit = max((UNIT[t] for t in types.values() if t in HALVES), default=0.0)
    steps = ((node.inputs, node.outputs, _rounds(node, types)) for node in program.nodes)
    return unit * max(LEAST, ALLOWED * TYPICAL * sqrt(longest_path(steps)))


def longest_path(steps: Iterable[tuple[Iterable[str], Iterable[str], int]]) -> int:
    """The most roundings on any path. Steps are nodes in an order of execution: what is read, what is made, how often
    that is rounded.
    """
    walked: dict[str, int] = {}
    for inputs, outputs, roundings in steps:
        before = max((walked.get(tensor, 0) for tensor in inputs), default=0)
        walked.update(dict.fromkeys(outputs, before + roundings))
    return max(walked.values(), default=0)


def _rounds(node: OnnxNode, types: dict[str, str]) -> bool:
    return node.op_type not in MOVERS and any(types.get(t) in HALVES for t in node.outputs)
