"""How far outputs may be from the reference, by the precision of the numbers that they are computed in.

Sums in another order move fp32 by some units of its last place, of which networks make tens: 1e-5 is far from both that
and a mistake. In half precision each rounding is off by u at most, and those along a path through the network add up as
a random walk does, n of them to u·√n; twice as much is allowed, for networks enlarge what they are given. TF32 rounds
the operands of convolutions and products to the digits of fp16. Of int8 nothing can be derived: 15 dB is noise of a
sixth of the signal; the networks of the library stay above 20 dB, and a wrong scale falls below. Where a network goes
beyond, ``rounding`` finds out how much of that it must.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import NamedTuple

from archc.backends.onnx.precision.half.tolerance import UNIT, longest_path, tolerance
from archc.backends.onnx.profiles import Precision
from archc.backends.onnx.program import Program
from archc.verification.result import Tolerance

FP32 = Tolerance("fp32", "error", 1e-5)
INT8 = Tolerance("int8", "sqnr", 15.0)
SAME_CLASS = 0.5  # of images, at least, where weights and images are the caller's
_TWICE = 2.0
_ROUNDED = ("Conv", "ConvTranspose", "Gemm", "MatMul")  # whose operands TF32 rounds


class Step(NamedTuple):
    """A node, as far as roundings are counted."""

    op: str
    inputs: Iterable[str]
    outputs: Iterable[str]


def of_program(program: Program, precision: Precision, *, tf32: bool = False) -> Tolerance:
    """For the outputs of a program; with ``tf32`` its fp32 is computed so. It must be in order."""
    if precision == "fp32":
        steps = [Step(node.op_type, node.inputs, node.outputs) for node in program.nodes]
        return Tolerance("TF32", "error", of_tf32(steps)) if tf32 else FP32
    return INT8 if precision == "int8" else Tolerance(precision, "error", max(FP32.limit, tolerance(program)))


def of_tf32(steps: Iterable[Step]) -> float:
    """What rounding operands explains, of nodes in an order of execution."""
    return _allowed(((s.inputs, s.outputs, 2 * (s.op in _ROUNDED)) for s in steps), UNIT["float16"])


def of_half(steps: Iterable[Step], precision: Precision) -> float:
    """The same where every node rounds what it gives."""
    return _allowed(((s.inputs, s.outputs, 1) for s in steps), UNIT["float16" if precision == "fp16" else "bfloat16"])


def _allowed(steps: Iterable[tuple[Iterable[str], Iterable[str], int]], unit: float) -> float:
    """Two deviations of as many roundings as there are on the longest path."""
    return _TWICE * unit * max(4.0, sqrt(longest_path(steps)))
