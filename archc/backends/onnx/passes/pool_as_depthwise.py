"""Average pools as depthwise convolutions."""

from __future__ import annotations

from math import prod

import numpy as np

from archc.backends.onnx.passes.base import Change, ProgramPass
from archc.backends.onnx.passes.contracts import nothing_quantized
from archc.backends.onnx.passes.patterns import Window, window
from archc.backends.onnx.program import OnnxNode, Program

_RANK = 4


class PoolAsDepthwise(ProgramPass):
    """Writes an average pool as a convolution whose weights are all 1 / the size of the window, one group a channel.

    For 8-bit integers: onnxruntime's quantised average pool is many times slower than its quantised convolution. A pool
    that divides by the pixels that lie on the map, fewer at the border, is no convolution and stays, as does one with
    holes or with ``ceil_mode``. The output is the same up to rounding.
    """

    name = "pool-as-depthwise"
    summary = "an average pool becomes a depthwise convolution of equal weights"
    requires = (nothing_quantized,)

    def run(self, program: Program) -> list[Change]:
        return [change for pool in program.of_type("AveragePool") if (change := _rewrite(program, pool))]


def _rewrite(program: Program, pool: OnnxNode) -> Change | None:
    found, channels = window(program, pool), _channels(program, pool)
    if found is None or channels is None or not _divides_by_its_size(pool, found):
        return None
    size = prod(found.kernel)
    weight = program.constant(f"{pool.layer}.mean", np.full((channels, 1, *found.kernel), 1 / size))
    program.set_inputs(pool, [pool.inputs[0], weight])
    pool.op_type = "Conv"
    pool.attributes = {
        "kernel_shape": list(found.kernel), "strides": list(found.strides), "pads": list(found.pads), "group": channels
    }  # fmt: skip
    return Change(pool.layer, f"a depthwise convolution of {channels} channels")


def _channels(program: Program, pool: OnnxNode) -> int | None:
    """Of a map; None for what is none, or of which they are not known."""
    shape = program.shape(pool.inputs[0]) or program.shape(pool.outputs[0])
    return shape[1] if shape is not None and len(shape) == _RANK and isinstance(shape[1], int) else None


def _divides_by_its_size(pool: OnnxNode, found: Window) -> bool:
    """Whether every window is divided by the same number: what lies outside the map counts, or nothing does."""
    whole = not pool.attributes.get("ceil_mode", 0) and set(found.dilations) == {1}
    return whole and (not found.padded or bool(pool.attributes.get("count_include_pad", 0)))


rewrite = PoolAsDepthwise()
