"""A batch norm and ReLU before convolutions as one Max, the scale and shift worked into the convolutions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from archc.backends.onnx.passes.base import Change, ProgramPass
from archc.backends.onnx.passes.patterns import affine, bias, window
from archc.backends.onnx.program import OnnxNode, Program
from archc.backends.onnx.values import Array

# fp16 ends at 65504. A threshold this large also means a scale that is next to nothing beside its shift, and then the
# rounding of the product of both would show.
LARGEST_THRESHOLD = 2.0**12


class _Threshold(NamedTuple):
    """By channel, in float64: relu of the norm's output is ``scale`` · max(x, ``lowest``) + ``shift``."""

    lowest: Array
    scale: Array
    shift: Array


class NormReluAsMax(ProgramPass):
    """relu(s·x + t) is s · max(x, −t / s) + t for s > 0, and the convolutions that read it take in s and t.

    In place of two nodes over the map there is one, cheaper than either. All that read the ReLU must be convolutions
    without padding, whose zeros would not be zeros then. A batch norm stays where a scale is negative, and where a
    threshold −t / s is beyond ``LARGEST_THRESHOLD`` or not a number. The output is the same up to rounding.
    """

    name = "norm-relu-as-max"
    summary = "a batch norm and ReLU before convolutions become one Max; these take in the scale and shift"

    def run(self, program: Program) -> list[Change]:
        return [change for norm in program.of_type("BatchNormalization") if (change := _rewrite(program, norm))]


def _rewrite(program: Program, norm: OnnxNode) -> Change | None:
    following = program.chain(norm, "Relu")
    found = affine(program, norm)
    if following is None or found is None:
        return None
    (relu,) = following
    threshold, convs = _threshold(*found), _convs(program, relu.outputs[0])
    rank = len(program.shape(norm.outputs[0]) or ())
    if threshold is None or not convs or not rank:
        return None
    lowest = program.constant(f"{relu.layer}.lowest", threshold.lowest.reshape(1, -1, *[1] * (rank - 2)))
    kind = program.types.get(relu.outputs[0])
    (clipped,) = program.add("Max", [norm.inputs[0], lowest], like=relu, type=kind)
    program.redirect(relu.outputs[0], clipped)
    for conv in convs:
        _absorb(program, conv, threshold)
    return Change(norm.layer, f"a Max, for {', '.join(conv.layer for conv in convs)}")


def _threshold(scale: Array, shift: Array) -> _Threshold | None:
    """None where there is none, or where it would be too large."""
    if not (np.isfinite(scale).all() and np.isfinite(shift).all()) or (scale < 0).any():
        return None
    constant = scale == 0
    lowest = np.where(constant, 0.0, -shift / np.where(constant, 1.0, scale))
    if np.abs(lowest).max(initial=0.0) > LARGEST_THRESHOLD:
        return None
    return _Threshold(lowest, scale, np.where(constant, np.maximum(shift, 0.0), shift))


def _convs(program: Program, tensor: str) -> list[OnnxNode]:
    """The convolutions that read the tensor; none where anything else does."""
    found = program.consumers(tensor)
    takes = tensor not in program.outputs and all(_can_absorb(program, node, tensor) for node in found)
    return found if takes else []


def _can_absorb(program: Program, node: OnnxNode, tensor: str) -> bool:
    if node.op_type != "Conv" or node.domain or tensor in node.inputs[1:]:
        return False
    found = window(program, node)
    return found is not None and not found.padded and all(map(program.is_constant, node.inputs[1:]))


def _absorb(program: Program, conv: OnnxNode, threshold: _Threshold) -> None:
    """Work ``scale`` and ``shift`` by input channel into a convolution, in float64."""
    weight = program.value(conv.inputs[1]).astype(np.float64)
    groups = conv.attributes.get("group", 1)
    by_group = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])
    scale, shift = (v.reshape(groups, 1, -1, *[1] * (weight.ndim - 2)) for v in (threshold.scale, threshold.shift))
    added = (by_group * shift).sum(axis=tuple(range(2, by_group.ndim))).reshape(-1)
    name = bias(conv)
    before = program.value(name).astype(np.float64) if name else 0.0
    scaled = program.constant(f"{conv.layer}.scaled_weight", (by_group * scale).reshape(weight.shape))
    program.set_inputs(conv, [conv.inputs[0], scaled, program.constant(f"{conv.layer}.bias", before + added)])


rewrite = NormReluAsMax()
