"""Large linear layers with weights of 8 bits, in a network that computes in floating point.

A linear layer reads each of its weights once a batch, so that its time is that of reading them. In 8 bits, with a scale
for every ``BLOCK`` of them, they are a quarter or half of what they were. It is onnxruntime's operator MatMulNBits:
https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.MatMulNBits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, prod
from typing import Any

import numpy as np

from archc.backends.onnx.calibration import Calibration
from archc.backends.onnx.passes.base import Change, ProgramPass, Report
from archc.backends.onnx.passes.contracts import nothing_quantized
from archc.backends.onnx.precision import shown
from archc.backends.onnx.precision.errors import Comparison
from archc.backends.onnx.precision.int8.rules import PLAIN
from archc.backends.onnx.precision.keep import kept
from archc.backends.onnx.precision.samples import samples_for
from archc.backends.onnx.precision.shown import Measured
from archc.backends.onnx.precision.simulate import simulated
from archc.backends.onnx.program import OnnxNode, Program
from archc.backends.onnx.values import Array
from archc.backends.onnx.wire import dtype_of
from archc.display.numbers import binary, count

LARGE = 1 << 20  # weights; below this a layer takes too little time for it to matter
BLOCK = 128  # inputs that share a scale
OP, DOMAIN = "MatMulNBits", "com.microsoft"

_MIDDLE = 128  # the bits that stand for 0
_LIMIT = 127
_IN_8_BITS = 4  # MatMulNBits's accuracy_level: a CPU may compute in int8 with what is read, rounded by row and block


@dataclass(frozen=True)
class ClassifierReport:
    """Bytes of the weights before and after; ``measured`` is what that costs."""

    layers: tuple[str, ...]
    before: int
    after: int
    measured: Measured | None

    def lines(self) -> list[str]:
        """For people."""
        sizes = f"{binary(self.before)} in {binary(self.after)}"
        found = [f"{count(len(self.layers), 'large linear layer')} with weights of 8 bits: {sizes}"]
        if (it := self.measured) is not None:
            found.append(f"what these cost, on {shown.samples(it.errors, it.calibration)}:")
            found += [*shown.losses(it.errors), *shown.remarks(it.calibration, it.refused, it.flat, shown.ON_RANDOM)]
        return found


@dataclass
class Int8Classifier(ProgramPass):
    """Gives linear layers of ``LARGE`` weights and more weights of 8 bits; of those that ``keep_fp32`` matches, none.

    Each block has the scale that its largest weight needs. On a CPU the inputs are rounded to 8 bits too, by row and
    block. With a ``calibration``, the report says what that costs on its samples, prepared by the spec's
    ``preprocess``.
    """

    keep_fp32: Sequence[str] = ()
    calibration: Calibration | None = None
    preprocess: Mapping[str, Any] = field(default_factory=dict[str, Any])
    report: Report | None = field(default=None, init=False)

    name = "int8-classifier"
    summary = "large linear layers have weights of 8 bits, with a scale for each block"
    requires = (nothing_quantized,)

    def run(self, program: Program) -> list[Change]:
        """Raises RequestError where a pattern matches no layer, or the samples can't be used."""
        layers = kept(self.keep_fp32, [node.layer for node in program.nodes if node.layer])
        large = [node for node in program.of_type("Gemm") if node.layer not in layers and _is_large(program, node)]
        if not large:
            return []
        exact = program.copy()
        sizes = {node.layer: _rewrite(program, node) for node in large}
        program.opsets[DOMAIN] = 1
        program.settle()
        before, after = (sum(side) for side in zip(*sizes.values(), strict=True))
        self.report = ClassifierReport(tuple(sizes), before, after, self._measured(exact, program))
        return [Change(layer, f"{binary(was)} of weights in {binary(now)}") for layer, (was, now) in sizes.items()]

    def _measured(self, exact: Program, program: Program) -> Measured | None:
        if self.calibration is None:
            return None
        samples = samples_for(self.calibration, exact, self.preprocess)
        exact, program = simulated(exact), simulated(program)
        errors = Comparison(exact, program, exact, ()).report(samples)
        return Measured(self.calibration, errors, tuple(samples.refused), samples.flat)


def _is_large(program: Program, node: OnnxNode) -> bool:
    """Whether it is a linear layer with enough weights, output by input, and a bias that is constant or none."""
    plain = all(node.attributes.get(key, value) == value for key, value in PLAIN.items())
    constant = all(program.is_constant(tensor) for tensor in node.inputs[1:] if tensor)
    if not plain or not constant or not node.attributes.get("transB", 0):
        return False
    bias = [len(program.initializers[tensor].shape) for tensor in node.inputs[2:] if tensor]
    return prod(program.initializers[node.inputs[1]].shape) >= LARGE and bias in ([], [1])


def _rewrite(program: Program, node: OnnxNode) -> tuple[int, int]:
    """Put the operator in the layer's place; gives the bytes of its weights before and after."""
    weight = program.initializers[node.inputs[1]]
    outputs, inputs = weight.shape
    blocks = ceil(inputs / BLOCK)
    dtype = dtype_of(weight.dtype)

    def read() -> tuple[Array, Array]:
        return rounded(np.asarray(weight.read(), dtype))

    name = weight.name
    bits = program.initializer(f"{name}.quantized", (outputs, blocks, BLOCK), "uint8", lambda: read()[0])
    scales = program.initializer(f"{name}.scale", (outputs, blocks), weight.dtype, lambda: read()[1])
    bias = [tensor for tensor in node.inputs[2:] if tensor]
    program.set_inputs(node, [node.inputs[0], bits, scales, *(["", "", *bias] if bias else [])])
    node.op_type, node.domain = OP, DOMAIN
    node.attributes = {"K": inputs, "N": outputs, "bits": 8, "block_size": BLOCK, "accuracy_level": _IN_8_BITS}
    return outputs * inputs * dtype.itemsize, outputs * blocks * (BLOCK + dtype.itemsize)


def rounded(weight: Array) -> tuple[Array, Array]:
    """Weights of outputs × inputs as outputs × blocks × ``BLOCK`` of u8, and the scales of outputs × blocks.

    A weight is (bits − 128) · scale; scales have the weights' dtype. The last block is filled up with zeros.
    """
    outputs, inputs = weight.shape
    padded = np.pad(weight.astype(np.float32), ((0, 0), (0, -inputs % BLOCK))).reshape(outputs, -1, BLOCK)
    scales = (np.abs(padded).max(-1) / _LIMIT).astype(weight.dtype)
    step = scales.astype(np.float32)
    step[step == 0] = 1  # all zeros, or too small for the dtype
    padded /= step[..., None]
    bits = np.clip(np.rint(padded, out=padded) + _MIDDLE, 1, 255).astype(np.uint8)
    return bits, scales
