"""Batch norms that no convolution takes in, as depthwise 1 × 1 convolutions."""

from __future__ import annotations

from archc.backends.onnx.passes.base import Change, ProgramPass
from archc.backends.onnx.passes.contracts import no_norm_of_maps, nothing_quantized
from archc.backends.onnx.passes.patterns import affine
from archc.backends.onnx.program import OnnxNode, Program

_RANK = 4


class NormAsDepthwise(ProgramPass):
    """Writes a batch norm over a map as a convolution with one weight and one bias a channel, in float64.

    For 8-bit integers: onnxruntime has a quantised convolution, and none of a batch norm, before and behind which maps
    would become fp32. The output is the same up to rounding.
    """

    name = "norm-as-depthwise"
    summary = "a batch norm that no convolution before it can take in becomes a depthwise 1 × 1 convolution"
    requires = (nothing_quantized,)
    ensures = (no_norm_of_maps,)

    def run(self, program: Program) -> list[Change]:
        norms = [node for node in program.of_type("BatchNormalization") if _of_a_map(program, node)]
        return [change for node in norms if (change := _rewrite(program, node))]


def _of_a_map(program: Program, norm: OnnxNode) -> bool:
    shape = program.shape(norm.inputs[0]) or program.shape(norm.outputs[0])
    return shape is not None and len(shape) == _RANK


def _rewrite(program: Program, norm: OnnxNode) -> Change | None:
    found = affine(program, norm)
    if found is None:
        return None
    scale, shift = found
    weight = program.constant(f"{norm.layer}.scale", scale.reshape(-1, 1, 1, 1))
    shifts = program.constant(f"{norm.layer}.shift", shift)
    program.set_inputs(norm, [norm.inputs[0], weight, shifts])
    norm.op_type = "Conv"
    norm.attributes = {"kernel_shape": [1, 1], "strides": [1, 1], "pads": [0] * 4, "group": len(scale)}
    return Change(norm.layer, f"a depthwise convolution of {len(scale)} channels")


rewrite = NormAsDepthwise()
