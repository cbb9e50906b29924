"""What a build says of its rounding: how near the outputs are, and which layers lose most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archc.backends.onnx.calibration import RANDOM, Calibration
from archc.backends.onnx.precision.errors import ErrorReport, OutputError
from archc.display.tables import aligned
from archc.runtime.inputs import Refused

WORST = 5  # layers
ON_RANDOM = "measured on RANDOM numbers, which are no images: --calibrate folder:PATH takes images"


@dataclass(frozen=True)
class Measured:
    """The errors on the samples of a calibration. ``refused`` could not be used; inputs ``flat`` have no content."""

    calibration: Calibration
    errors: ErrorReport
    refused: tuple[Refused, ...] = ()
    flat: tuple[str, ...] = ()


def samples(errors: ErrorReport, calibration: Calibration) -> str:
    """How many there were, and where from."""
    return f"{errors.samples} sample{'s' if errors.samples > 1 else ''} of {calibration.source}"


def losses(errors: ErrorReport) -> list[str]:
    """The outputs, and the layers that lose most by themselves."""
    rows = [("layers that lose most", "", "alone", "in all")]
    rows += [(w.layer, w.op, _decibel(w.own), _decibel(w.total)) for w in errors.worst(WORST)]
    layers = [f"  {line}" for line in aligned(rows, "<<>>")] if errors.layers else []
    return [*map(_output, errors.outputs), *layers]


def remarks(calibration: Calibration, refused: Sequence[Refused], flat: Sequence[str], on_random: str) -> Iterator[str]:
    """What is to be known of the samples; ``on_random`` is said where they are random numbers."""
    if calibration.source == RANDOM:
        yield on_random
    for name in flat:
        yield f"warning: `{name}` is one number throughout in every sample, as no image is"
    if refused:
        yield f"{len(refused)} of the images could not be used: {refused[0].name}: {refused[0].why}"


def _output(one: OutputError) -> str:
    agreement = "" if one.top1 is None else f", top-1 the same in {one.top1:.1%}"
    return f"  {one.name}: SQNR {_decibel(one.sqnr)}{agreement}"


def _decibel(value: float) -> str:
    return f"{value:.1f} dB"
