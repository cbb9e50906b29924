"""What passes look for: windows that slide, 1 × 1 convolutions, and scales and shifts by channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from archc.backends.onnx.program import OnnxNode, Program
from archc.backends.onnx.values import Array

_AUTOMATIC = ("NOTSET", b"NOTSET")


@dataclass(frozen=True, slots=True)
class Window:
    """The window of a convolution or pool. ``pads`` are those before each axis, then those after each."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]

    @property
    def pointwise(self) -> bool:
        """Whether each output pixel is made of the input pixel at its place, and of no other."""
        return {*self.kernel, *self.strides} == {1} and not self.padded

    @property
    def padded(self) -> bool:
        return any(self.pads)


def window(program: Program, node: OnnxNode) -> Window | None:
    """The window of a Conv, AveragePool or MaxPool node; None where the node leaves its padding to the runtime."""
    given = node.attributes
    kernel = given.get("kernel_shape") or _kernel(program, node)
    if kernel is None or given.get("auto_pad", "NOTSET") not in _AUTOMATIC:
        return None
    ones = [1] * len(kernel)
    values = (kernel, given.get("strides", ones), given.get("pads", [0, 0] * len(kernel)), given.get("dilations", ones))
    return Window(*(tuple(v) for v in values))


def _kernel(program: Program, node: OnnxNode) -> tuple[int, ...] | None:
    if len(node.inputs) < 2 or not program.is_constant(node.inputs[1]):
        return None
    return program.initializers[node.inputs[1]].shape[2:]


def pointwise(program: Program, node: OnnxNode) -> bool:
    """Whether a Conv node is 1 × 1, with stride 1 and no padding."""
    found = window(program, node)
    return found is not None and found.pointwise


def keeps_constants(program: Program, pool: OnnxNode) -> bool:
    """Whether an average pool gives a map of one number as it is: windows are divided by what of them is on the map."""
    if pool.op_type == "GlobalAveragePool" or not pool.attributes.get("count_include_pad", 0):
        return True
    found = window(program, pool)
    return found is not None and not found.padded and not pool.attributes.get("ceil_mode", 0)


def bias(node: OnnxNode) -> str | None:
    """The third input of a Conv or Gemm node, where there is one."""
    return node.inputs[2] if len(node.inputs) > 2 and node.inputs[2] else None


def affine(program: Program, norm: OnnxNode) -> tuple[Array, Array] | None:
    """(scale, shift) by channel of a BatchNormalization node, in float64; None where they are not known."""
    if (
        len(norm.outputs) > 1
        or norm.attributes.get("training_mode")
        or not all(map(program.is_constant, norm.inputs[1:]))
    ):
        return None
    weight, shift, mean, variance = (program.value(name).astype(np.float64) for name in norm.inputs[1:])
    scale = weight / np.sqrt(variance + norm.attributes.get("epsilon", 1e-5))
    return scale, shift - mean * scale
