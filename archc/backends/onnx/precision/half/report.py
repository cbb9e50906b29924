"""What a build in half precision says: weights that did not fit, and, on the caller's samples, what rounding costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from archc.backends.onnx.precision import shown
from archc.backends.onnx.precision.errors import ErrorReport
from archc.backends.onnx.precision.shown import Measured
from archc.display.names import SOME, listed


@dataclass(frozen=True)
class HalfReport:
    """``kind`` is fp16 or bf16; ``halves`` nodes are in it, ``singles`` in fp32. ``warnings`` are said in any case."""

    kind: str
    halves: int
    singles: int
    warnings: tuple[str, ...] = ()
    measured: Measured | None = None

    def lines(self) -> list[str]:
        """For people."""
        return [*self.warnings, *(self._errors(self.measured) if self.measured else ())]

    def _errors(self, measured: Measured) -> Iterator[str]:
        samples = shown.samples(measured.errors, measured.calibration)
        nodes = f"{self.halves} nodes in {self.kind}, {self.singles} in fp32"
        yield f"{self.kind}, simulated, against fp32 on {samples}: {nodes}"
        yield from shown.losses(measured.errors)
        yield from self._overflow(measured.errors)
        yield from shown.remarks(measured.calibration, measured.refused, measured.flat, shown.ON_RANDOM)

    def _overflow(self, errors: ErrorReport) -> Iterator[str]:
        """That layers pass the end of fp16, where they do; bf16 ends where fp32 does."""
        layers = [one.layer for one in errors.layers if one.own == -inf]
        if layers and self.kind == "fp16":
            verb = "passes" if len(layers) == 1 else "pass"
            yield f"warning: {listed(layers, SOME)} {verb} 65504, where fp16 ends: --keep-fp32 PATTERN, or cuda-bf16"
