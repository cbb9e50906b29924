"""Half precision, fp16 and bf16, with fp32 where it is needed.

``plan`` decides which nodes compute in half precision: those for which the target has a kernel, unless a table says
that half is not enough, their numbers would not fit, or the caller keeps the layer. ``rewrite`` gives them their types,
and ``rounding`` chooses their weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from archc.backends.onnx.calibration import Calibration
from archc.backends.onnx.kernels import without_kernel
from archc.backends.onnx.passes.base import Change, ProgramPass
from archc.backends.onnx.passes.contracts import nothing_quantized, single_precision
from archc.backends.onnx.precision.half.errors import compare
from archc.backends.onnx.precision.half.plan import Plan, plan
from archc.backends.onnx.precision.half.report import HalfReport
from archc.backends.onnx.precision.half.rewrite import Rewriter
from archc.backends.onnx.precision.half.weights import Narrowing
from archc.backends.onnx.precision.keep import kept
from archc.backends.onnx.precision.samples import samples_for
from archc.backends.onnx.precision.shown import Measured
from archc.backends.onnx.precision.types import SHORT
from archc.backends.onnx.program import Program
from archc.diagnostics.diagnostic import RequestError

__all__ = ["Bf16", "Fp16", "Half"]


class Half(ProgramPass):
    """Lets what can compute in half precision do so. Inputs and outputs of the model keep their types.

    ``keep`` are patterns of layers that stay in fp32. With a ``calibration``, the report says what rounding costs on
    its samples, prepared by the spec's ``preprocess``. Raises RequestError for a pattern that matches nothing, where
    they leave nothing to compute in half precision, and where the samples can't be used.
    """

    requires = (single_precision, nothing_quantized)
    dtype: ClassVar[str]
    opset: ClassVar[int]  # the first whose operators take the dtype and have kernels

    def __init__(
        self,
        provider: str | None,
        keep: Sequence[str] = (),
        calibration: Calibration | None = None,
        preprocess: Mapping[str, Any] | None = None,
    ) -> None:
        self.provider, self.keep = provider, tuple(keep)
        self.calibration, self.preprocess = calibration, preprocess or {}

    def run(self, program: Program) -> list[Change]:
        program.opsets[""] = max(program.opsets[""], self.opset)
        layers = kept(self.keep, [node.layer for node in program.nodes if node.layer])
        exact = program.copy()
        narrowing = Narrowing(program, self.dtype)
        made = plan(program, self.dtype, self.provider, layers, narrowing)
        if self.keep and not made.halves:
            raise RequestError(f"--keep-fp32: nothing is left that {SHORT[self.dtype]} could compute")
        rewriter = Rewriter(program, made, self.dtype, narrowing)
        rewriter.run()
        program.settle()
        short = SHORT[self.dtype]
        self.report = HalfReport(
            short,
            len(made.halves),
            len(made.singles),
            tuple(self._warnings(program, made)),
            self._measured(exact, program),
        )
        what = f"{len(made.halves)} nodes in {short}, {rewriter.casts} casts"
        return [*_singles(made), *_vanished(program, narrowing), Change("all else", what)]

    def _warnings(self, program: Program, made: Plan) -> Iterator[str]:
        for node, reason in made.unfit.items():
            yield f"{node.layer} stays in fp32, since {reason} for {SHORT[self.dtype]}"
        for missing in without_kernel(program, self.provider) if self.provider else ():
            yield f"left to the CPU: {missing}"

    def _measured(self, exact: Program, program: Program) -> Measured | None:
        if self.calibration is None:
            return None
        samples = samples_for(self.calibration, exact, self.preprocess)
        errors = compare(exact, program, samples)
        return Measured(self.calibration, errors, tuple(samples.refused), samples.flat)


def _singles(made: Plan) -> list[Change]:
    return [Change(n.layer, f"{n.op_type} stays in fp32: {reason}") for n, reason in made.singles.items() if reason]


def _vanished(program: Program, narrowing: Narrowing) -> list[Change]:
    """Which weights hold numbers that are too small."""
    return [
        Change(_layer(program, name), f"{lost.vanished} of {lost.size} numbers of `{name}` are too small and become 0")
        for name, lost in narrowing.losses.items()
        if lost.fits and lost.vanished
    ]


def _layer(program: Program, tensor: str) -> str:
    return next((node.layer for node in program.consumers(tensor)), "")


class Fp16(Half):
    """IEEE 754's binary16: 11 significant bits, to 65504."""

    name = "fp16"
    summary = "numbers in fp16, where that is enough"
    dtype = "float16"
    opset = 18


class Bf16(Half):
    """bfloat16: 8 significant bits, the range of fp32. Convolutions take it from opset 22 on."""

    name = "bf16"
    summary = "numbers in bf16, where that is enough and CUDA has kernels"
    dtype = "bfloat16"
    opset = 22
