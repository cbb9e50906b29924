"""What the ops of ONNX cost, by their standard: multiply-adds, other arithmetic, and what needs no work at all."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from archc.measurement.workload.view import NodeView

Count = Callable[[NodeView], int]


def _conv(weight: int) -> Count:
    """Each output is a sum over the kernel, and over the input channels of its group: [out, in / groups, *kernel]."""
    return lambda node: node.output().numel * prod(node.input(weight).shape[1:])


def _matmul(node: NodeView) -> int:
    return node.output().numel * node.input(0).shape[-1]


def _gemm(node: NodeView) -> int:
    rows = 0 if node.attributes.get("transA", 0) else 1
    return node.output().numel * node.input(0).shape[rows]


def _conv_transpose(node: NodeView) -> int:
    """Each input is spread over the kernel and the output channels of its group: [in, out / groups, *kernel]."""
    return node.input(0).numel * prod(node.input(1).shape[1:])


# Multiply-adds of the ops that run on matrix units. The last are those into which onnxruntime fuses them.
MACS: dict[str, Count] = {
    "Conv": _conv(1),
    "ConvInteger": _conv(1),
    "QLinearConv": _conv(3),
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "MatMulInteger": _matmul,
    "QLinearMatMul": _matmul,
    "MatMulNBits": _matmul,
    "FusedConv": _conv(1),
    "FusedGemm": _gemm,
    "FusedMatMul": _matmul,
}

# Which inputs are multiplied: their types are the precision of the arithmetic.
OPERANDS: dict[str, tuple[int, int]] = {"QLinearConv": (0, 3), "QLinearMatMul": (0, 3)}


def _read(node: NodeView) -> int:
    return node.input(0).numel


def _window(node: NodeView) -> int:
    return node.output().numel * prod(node.attributes["kernel_shape"])


# Operations of other ops, where they are not one for each number of the output.
OTHER: dict[str, Count] = {
    "AveragePool": _window,
    "MaxPool": _window,
    "LpPool": _window,
    "GlobalAveragePool": _read,
    "GlobalMaxPool": _read,
    "GlobalLpPool": _read,
    "LRN": lambda node: node.output().numel * int(node.attributes["size"]),
    **dict.fromkeys(
        ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL2", "ReduceSumSquare", "TopK", "ArgMax"), _read
    ),
    **dict.fromkeys(
        ("Concat", "Slice", "Split", "Transpose", "Pad", "Gather", "Expand", "Tile", "Cast", "DepthToSpace"),
        lambda _: 0,
    ),
}

# The result is the input, seen otherwise. A DequantizeLinear is one too: who reads it reads the small numbers.
VIEWS = frozenset(
    {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout", "DequantizeLinear"}
)  # fmt: skip

# Known before it runs.
FREE = frozenset({"Constant", "ConstantOfShape", "Shape", "Size", "Range"})

# One number in (of the first input's place, at least), one number out: targets fuse them with what comes before.
POINTWISE = frozenset(
    {
        "Abs", "Add", "BatchNormalization", "Cast", "Ceil", "Clip", "Div", "Elu", "Erf", "Exp", "Floor", "Gelu",
        "HardSigmoid", "HardSwish", "LeakyRelu", "Log", "Max", "Min", "Mish", "Mul", "Neg", "Pow", "PRelu",
        "QuantizeLinear", "Reciprocal", "Relu", "Round", "Selu", "Sigmoid", "Softplus", "Softsign", "Sqrt", "Sub",
        "Sum", "Swish", "Tanh", "ThresholdedRelu", "Where",
    }
)  # fmt: skip
