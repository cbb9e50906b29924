"""The arithmetic: from ranges to scales and zero points, and from weights and biases to integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from archc.backends.onnx.precision.int8.ranges import Range
from archc.backends.onnx.values import Array

LEVELS = 255  # steps between the least and the greatest u8
WEIGHT_LIMIT = 127  # s8 without −128: symmetric, so that the zero point is 0
# Two products of u8 and s8 are added in s16 where a CPU has AVX2 or AVX-512 without VNNI; with 64, 2 × 255 × 64 fits.
REDUCED_LIMIT = 64
SMALLEST, SMALLEST_OF_WEIGHTS = 2.0**-90, 2.0**-30  # scales, whose product is still a normal number in fp32
SCALE_OF_ZEROS = 2.0**-16  # any would do for these, but biases are counted in units of it
BIAS_LIMIT = 2.0**30  # of an s32 bias, which leaves as much to the products that are added to it


@dataclass(frozen=True, slots=True)
class Quantizer:
    """x ≈ scale × (q − zero_point), q from 0 to 255."""

    scale: np.float32
    zero_point: int

    @classmethod
    def of(cls, range: Range) -> Quantizer:
        """The finest one that reaches over the range, and has 0 exactly."""
        low, high = min(range.low, 0.0), max(range.high, 0.0)
        scale = np.float32((high - low) / LEVELS)
        if scale < SMALLEST:  # nothing but zeros
            return cls(np.float32(SCALE_OF_ZEROS), 0)
        return cls(scale, int(np.clip(np.rint(-low / np.float64(scale)), 0, LEVELS)))

    def quantize(self, x: Array) -> Array:
        """As QuantizeLinear does: halves to even, then saturated."""
        steps = np.rint(np.asarray(x, np.float32) / self.scale) + self.zero_point
        return np.clip(steps, 0, LEVELS).astype(np.uint8)

    def dequantize(self, q: Array) -> Array:
        """As DequantizeLinear does."""
        return (q.astype(np.int32) - self.zero_point).astype(np.float32) * self.scale

    def clips(self, low: float, high: float) -> bool:
        """Whether it saturates where a clip to these bounds would, so that the clip before it changes nothing."""
        ends = self.quantize(np.array([max(low, -3e38), min(high, 3e38)]))
        return ends.tolist() == [0, LEVELS]


def weight_scales(weight: Array, axis: int, limit: int = WEIGHT_LIMIT) -> Array:
    """The scale of each channel: its greatest magnitude becomes ``limit``, less where it is next to nothing.

    fp32, as long as ``axis``.
    """
    others = tuple(i for i in range(weight.ndim) if i != axis)
    scales = (np.abs(weight).max(axis=others).astype(np.float64) / limit).astype(np.float32)
    return np.where(scales > 0, np.maximum(scales, np.float32(SMALLEST_OF_WEIGHTS)), np.float32(1))


def room_for_bias(scales: Array, bias: Array, input_scale: np.float32) -> Array:
    """The scales, larger where the channel's bias in units of ``input_scale × scale`` would not fit into s32."""
    least = np.abs(bias.astype(np.float64)) / (np.float64(input_scale) * BIAS_LIMIT)
    return np.maximum(scales, least.astype(np.float32))


def quantize_weight(weight: Array, scales: Array, axis: int, limit: int = WEIGHT_LIMIT) -> Array:
    """The weight as s8, symmetric, by channel of ``axis``."""
    shape = [-1 if i == axis else 1 for i in range(weight.ndim)]
    steps = np.rint(weight / scales.reshape(shape))
    return np.clip(steps, -limit, limit).astype(np.int8)


def quantize_bias(bias: Array, scales: Array) -> Array:
    """The bias as s32 in units of ``scales``, which are the input's scale × the weight's."""
    return np.rint(bias.astype(np.float64) / scales).astype(np.int32)
