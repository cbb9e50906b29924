"""Where half precision is not enough, and what only moves numbers: data, by type of ONNX node.

What CUDA computes within a node stands in onnxruntime's sources (onnxruntime/core/providers/cuda): convolutions and
products of matrices add up in fp32 for inputs of half precision, as do the reductions (reduction/reduction_ops.cc);
InstanceNormalization keeps its statistics in fp32 (nn/instance_norm.cc), and LayerNormalization too, by the operator's
``stash_type``. These may read and write half precision.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from archc.backends.onnx.precision.dtypes import HALVES


class Single(NamedTuple):
    """Why a node, or all nodes of its layer, must be fp32."""

    reason: str
    scope: Literal["node", "layer"] = "node"
    dtypes: tuple[str, ...] = HALVES


def _too_large(what: str, scope: Literal["node", "layer"] = "layer") -> Single:
    """What passes 65504, where fp16 ends; the range of bf16 is that of fp32."""
    return Single(f"{what} pass 65504", scope, ("float16",))


_SQUARES = "squares of numbers from 256 on"

SINGLE = {
    "Softmax": Single("small probabilities vanish"),
    "LogSoftmax": Single("small probabilities vanish"),
    "LRN": _too_large(_SQUARES, "node"),
    "ReduceL2": _too_large(_SQUARES),
    "ReduceSumSquare": _too_large(_SQUARES),
    "ReduceLogSumExp": _too_large("exponentials of numbers from 11.1 on"),
    "Exp": Single("exp(x) turns absolute errors into relative ones", "layer"),
    "Pow": _too_large("powers"),
    "Erf": Single("1 + erf(x) loses its digits where erf(x) is near -1", "layer"),
}
SQUARE = _too_large(_SQUARES)  # a product of a tensor and itself

# Nodes that give numbers as they got them. Between nodes in fp32 they stay so, that no casts stand around them.
MOVERS = frozenset(
    {
        "Concat", "DepthToSpace", "Expand", "Flatten", "Gather", "Identity", "MaxPool", "Pad", "Relu", "Reshape",
        "Slice", "SpaceToDepth", "Split", "Squeeze", "Transpose", "Unsqueeze",
    }
)  # fmt: skip
