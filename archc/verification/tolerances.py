"""How far outputs may be from the reference, by the precision of the numbers that they are computed in."""

from __future__ import annotations

from math import sqrt

from archc.backends.onnx.precision.half.tolerance import UNIT, tolerance
from archc.backends.onnx.profiles import Precision
from archc.backends.onnx.program import Program
from archc.verification.result import Tolerance

FP32 = Tolerance("fp32", "error", 1e-5)  # sums in another order
INT8 = Tolerance("int8", "sqnr", 10.0)
TF32_UNIT = UNIT["float16"]  # both have 11 significant bits
_ROUNDED = ("Conv", "ConvTranspose", "Gemm", "MatMul")  # whose operands TF32 rounds


def of_program(program: Program, precision: Precision, *, tf32: bool = False) -> Tolerance:
    """For the outputs of a program; with ``tf32`` its fp32 is computed so. It must be in order."""
    if precision == "fp32":
        return Tolerance("TF32", "error", _of_tf32(program)) if tf32 else FP32
    return INT8 if precision == "int8" else Tolerance(precision, "error", tolerance(program))


def _of_tf32(program: Program) -> float:
    """As for half precision: roundings along a path add up as a random walk does, and weights are rounded too."""
    walked: dict[str, int] = {}
    for node in program.nodes:
        before = max((walked.get(tensor, 0) for tensor in node.inputs), default=0)
        walked.update(dict.fromkeys(node.outputs, before + 2 * (node.op_type in _ROUNDED)))
    return TF32_UNIT * max(4.0, sqrt(max(walked.values(), default=0)))
