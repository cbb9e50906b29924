"""What a rival is given, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from archc.measurement.inputs import Array, Shape
from archc.measurement.interleave import Runner
from archc.measurement.subject import Subject


class RivalError(Exception):
    """A rival can't run the network; the message says why."""


@dataclass(frozen=True)
class Case:
    """A network, inputs and a device. ``folder`` is for files that a rival needs; it vanishes afterwards.

    ``precision`` is that of the model's arithmetic: ``fp32``, ``fp16``, ``bf16`` or ``int8``.
    """

    subject: Subject
    inputs: Mapping[str, Array]
    outputs: tuple[str, ...]
    device: str
    threads: int
    precision: str
    folder: Path

    @property
    def shapes(self) -> dict[str, Shape]:
        """Of the inputs."""
        return {name: array.shape for name, array in self.inputs.items()}


@dataclass(frozen=True)
class Candidate:
    """``run`` does the work once, and waits for it; ``outputs`` are those of the last run, by the model's names.

    Of candidates with one ``kind`` the fastest is shown. ``precision`` is that of its arithmetic, ``model`` the ONNX
    file that runs, where it is one.
    """

    name: str
    kind: str
    precision: str
    run: Runner
    outputs: Callable[[], Mapping[str, Array]]
    model: Path | None = None
