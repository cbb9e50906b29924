"""What a build in 8-bit integers says of its rounding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archc.backends.onnx.calibration import HINT, Calibration
from archc.backends.onnx.precision import shown
from archc.backends.onnx.precision.errors import ErrorReport
from archc.display.numbers import count
from archc.runtime.inputs import Refused

ON_RANDOM = f"calibrated on RANDOM numbers, whose ranges are not those of images: {HINT}"


@dataclass(frozen=True)
class Int8Report:
    """``integers`` layers compute in 8 bits, those of ``fp32`` do not; ``refused`` images could not be used,
    and the inputs ``flat`` have no content in any sample."""

    calibration: Calibration
    errors: ErrorReport
    integers: int
    fp32: tuple[str, ...]
    refused: tuple[Refused, ...] = ()
    flat: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """For people."""
        remarks = shown.remarks(self.calibration, self.refused, self.flat, ON_RANDOM)
        return [*self._heading(), *shown.losses(self.errors), *remarks]

    def _heading(self) -> Iterator[str]:
        samples = f"{shown.samples(self.errors, self.calibration)}, {self.calibration.method}"
        yield f"int8 against fp32 on {samples}: {count(self.integers, 'layer')} in integers, {len(self.fp32)} in fp32"
