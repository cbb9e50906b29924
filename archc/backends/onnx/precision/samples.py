"""What a network is calibrated on: images in a folder, arrays in .npy and .npz, or random numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from archc.backends.onnx.calibration import HINT, Calibration
from archc.backends.onnx.precision.evaluate import Sample
from archc.backends.onnx.program import Program
from archc.backends.onnx.source import Source, inputs_alone
from archc.runtime.errors import ModelError
from archc.runtime.inputs import ARRAYS, Inputs, Item, Refused
from archc.runtime.inputs import Sample as Read
from archc.runtime.session import Session

KEPT = 256 << 20  # bytes of samples that are held in memory; more are read anew each time


@dataclass
class Samples:
    """What a calibration names, each sample as a batch of 1; may be gone through again.

    ``session`` has the network's inputs, ``preprocess`` is the spec's. After going through, ``refused`` says of which
    images nothing could be made, and why; ``flat`` tells inputs without any content. Raises RequestError where nothing
    is left, or it does not fit the network.
    """

    calibration: Calibration
    session: Session
    preprocess: Mapping[str, Any]
    seed: int = 0
    refused: list[Refused] = field(default_factory=list[Refused])
    _varied: set[str] = field(default_factory=set[str])

    def __iter__(self) -> Iterator[Sample]:
        return iter(self._held) if self._held is not None else self._read()

    @cached_property
    def _held(self) -> list[Sample] | None:
        """All of them, where memory allows."""
        found: list[Sample] = []
        room = KEPT
        for sample in self._read():
            found.append(sample)
            room -= sum(array.nbytes for array in sample.values())
            if room < 0:
                return None
        if not found:
            why = "; ".join(f"{one.name}: {one.why}" for one in self.refused[:3]) or "it is empty"
            raise self._source.error(f"nothing in it can be used: {why}", HINT)
        return found

    @property
    def flat(self) -> tuple[str, ...]:
        """The inputs that are one number throughout in every sample, as no image is."""
        return tuple(name for name in self.session.inputs if name not in self._varied)

    @property
    def _source(self) -> Source:
        return Source("--calibrate", self.calibration.source)

    def _read(self) -> Iterator[Sample]:
        self.refused.clear()
        try:
            for item in self._items():
                if isinstance(item, Refused):
                    self.refused.append(item)
                else:
                    yield self._batch(item)
        except ModelError as e:
            raise self._source.error(e.message, e.hint) from e

    def _batch(self, sample: Read) -> Sample:
        for name, array in sample.arrays.items():
            if name not in self._varied and (array.size < 2 or array.min() != array.max()):
                self._varied.add(name)
        self._source.check_finite(sample)
        return {name: np.ascontiguousarray(array[None]) for name, array in sample.arrays.items()}

    def _items(self) -> Iterator[Item]:
        path, limit = self.calibration.path, self.calibration.limit
        if path is None:
            return Inputs(self.session).random(limit, self.seed)
        if path.is_dir() or (path.suffix.lower() in ARRAYS and path.exists()):
            return self._source.items(self._source.inputs(self.session, self.preprocess), limit)
        problem = "it is no folder and no array" if path.exists() else "there is no such folder or file"
        raise self._source.error(problem, HINT)


def samples_for(calibration: Calibration, program: Program, preprocess: Mapping[str, Any]) -> Samples:
    """The samples that fit the program's inputs. Raises RequestError."""
    return Samples(calibration, inputs_alone(program.inputs), preprocess)
