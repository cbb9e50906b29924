"""What a build says of its rounding: how near the outputs are, and which layers lose most."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archc.backends.onnx.calibration import HINT, RANDOM, Calibration
from archc.backends.onnx.precision.int8.errors import ErrorReport, OutputError
from archc.display.tables import aligned
from archc.runtime.inputs import Refused

WORST = 5  # layers


@dataclass(frozen=True)
class Int8Report:
    """``integers`` layers compute in 8 bits, those of ``fp32`` do not; ``refused`` images could not be used."""

    calibration: Calibration
    errors: ErrorReport
    integers: int
    fp32: tuple[str, ...]
    refused: tuple[Refused, ...] = ()

    def lines(self) -> list[str]:
        """For people."""
        return [*self._heading(), *map(_output, self.errors.outputs), *self._layers(), *self._remarks()]

    def _heading(self) -> Iterator[str]:
        samples = f"{self.errors.samples} sample{'s' if self.errors.samples > 1 else ''}"
        kinds = f"{self.integers} layers in integers, {len(self.fp32)} in fp32"
        yield f"int8 against fp32 on {samples} of {self.calibration.source}, {self.calibration.method}: {kinds}"

    def _layers(self) -> list[str]:
        rows = [("layers that lose most", "", "alone", "in all")]
        rows += [(w.layer, w.op, _decibel(w.own), _decibel(w.total)) for w in self.errors.worst(WORST)]
        return [f"  {line}" for line in aligned(rows, "<<>>")]

    def _remarks(self) -> Iterator[str]:
        if self.calibration.source == RANDOM:
            yield f"calibrated on RANDOM numbers, whose ranges are not those of images: {HINT}"
        if self.refused:
            first = self.refused[0]
            yield f"{len(self.refused)} of the images could not be used: {first.name}: {first.why}"


def _output(one: OutputError) -> str:
    agreement = "" if one.top1 is None else f", top-1 the same in {one.top1:.1%}"
    return f"  {one.name}: SQNR {_decibel(one.sqnr)}{agreement}"


def _decibel(value: float) -> str:
    return f"{value:.1f} dB"
