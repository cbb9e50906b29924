"""What onnxruntime's CPU provider computes in 8-bit integers, as tables by op.

Its QDQ transformers make these of an op between DequantizeLinear and QuantizeLinear: QLinearConv, QGemm,
QLinearMatMul, QLinearAdd, QLinearMul, QLinearConcat, QLinearGlobalAveragePool, QLinearAveragePool, QLinearSigmoid,
QLinearLeakyRelu; and ops that only move numbers read and write bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from archc.backends.onnx.program import OnnxNode, Program
from archc.backends.onnx.values import Array

# Ops with weights: what they multiply by, if it is constant, becomes s8.
WEIGHTED = frozenset({"Conv", "Gemm", "MatMul"})

# Of those, the ones whose kernel can give fp32 as well, so that a result wanted in fp32 is not rounded first.
GIVES_FLOAT = frozenset({"Gemm", "MatMul"})

# Ops with a scale of their own for what they give.
COMPUTING = frozenset(
    {"Add", "Mul", "Concat", "GlobalAveragePool", "AveragePool", "Sigmoid", "LeakyRelu", "HardSigmoid"}
)

# Ops that move numbers, or choose among them: what they give has the scale of what they read.
MOVING = frozenset(
    {
        "DepthToSpace", "Flatten", "Gather", "MaxPool", "ReduceMax", "Reshape", "Resize", "Slice", "Split", "Squeeze",
        "Transpose", "Unsqueeze",
    }
)  # fmt: skip

# Ops that saturate to bounds: nothing remains of them where QuantizeLinear saturates to the same.
CLIPPING = frozenset({"Relu", "Clip"})

# Ops whose weights onnxruntime would make s8 by itself, by tensor, if they stand between DequantizeLinear and
# QuantizeLinear; not so where the input is dequantised by channel (its WeightBiasQuantization asks for a scalar scale).
QUANTIZED_UNASKED = frozenset({"Conv", "ConvTranspose", "Gemm"})

# Of Gemm, what its integer kernel computes.
PLAIN = {"alpha": 1.0, "beta": 1.0, "transA": 0}

DATA_INPUTS = {"Concat": None, "Add": 2, "Mul": 2}  # how many inputs are activations; None: all; others have one


def runs_in_integers(node: OnnxNode) -> bool:
    """Whether there is a kernel for an op without weights, its activations being u8."""
    interpolates = node.op_type == "Resize" and node.attributes.get("mode", "nearest") != "nearest"
    return not node.domain and not interpolates and node.op_type in COMPUTING | MOVING


def weight_axis(node: OnnxNode, program: Program) -> int | None:
    """The axis of output channels of the node's weight; None where the node does not become integers.

    It does where its weight and bias are constants, and where it computes what the integer kernels do.
    """
    if node.op_type not in WEIGHTED or node.domain or weight_shape(node.inputs[1], program) is None:
        return None
    rank = len(weight_shape(node.inputs[1], program) or ())
    plain = all(node.attributes.get(name, value) == value for name, value in PLAIN.items())
    constant = all(program.is_constant(t) and len(program.initializers[t].shape) == 1 for t in node.inputs[2:] if t)
    if rank < 2 or not plain or not constant:
        return None
    return rank - 1 if node.op_type == "MatMul" or (node.op_type == "Gemm" and not node.attributes.get("transB")) else 0


def weight_shape(tensor: str, program: Program) -> tuple[int, ...] | None:
    """The shape of a constant, or of one transposed; None of anything else."""
    transpose = _transposed(tensor, program)
    if transpose is not None:
        shape = program.initializers[transpose.inputs[0]].shape
        return tuple(shape[i] for i in _order(transpose, len(shape)))
    return program.initializers[tensor].shape if program.is_constant(tensor) else None


def weight_reader(tensor: str, program: Program) -> Callable[[], Array]:
    """Reads what ``weight_shape`` tells the shape of."""
    transpose = _transposed(tensor, program)
    if transpose is None:
        return program.initializers[tensor].read
    read, order = program.initializers[transpose.inputs[0]].read, transpose.attributes.get("perm")
    return lambda: np.ascontiguousarray(read().transpose(order))


def _transposed(tensor: str, program: Program) -> OnnxNode | None:
    producer = program.producer(tensor)
    known = producer is not None and producer.op_type == "Transpose" and program.is_constant(producer.inputs[0])
    return producer if known else None


def _order(transpose: OnnxNode, rank: int) -> Sequence[int]:
    return transpose.attributes.get("perm") or range(rank)[::-1]


def activations(node: OnnxNode) -> list[str]:
    """The inputs of a node that are computed with, not its sizes and indices."""
    return node.inputs[: DATA_INPUTS.get(node.op_type, 1)]


def bounds(node: OnnxNode, program: Program) -> tuple[float, float] | None:
    """Between which bounds a clipping op keeps numbers; None where they are not constants."""
    if node.op_type == "Relu":
        return 0.0, float("inf")
    ends = [float("-inf"), float("inf")]
    for i, tensor in enumerate(node.inputs[1:]):
        if tensor and not program.is_constant(tensor):
            return None
        ends[i] = float(program.value(tensor)) if tensor else ends[i]
    return ends[0], ends[1]
