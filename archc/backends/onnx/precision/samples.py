"""What a network is calibrated on: images in a folder, arrays in .npy and .npz, or random numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from archc.backends.onnx.calibration import HINT, Calibration
from archc.backends.onnx.model import model_of
from archc.backends.onnx.precision.evaluate import Sample
from archc.backends.onnx.program import OnnxNode, Program
from archc.diagnostics.diagnostic import RequestError
from archc.runtime.errors import ModelError
from archc.runtime.inputs import ARRAYS, Inputs, Refused, images_in
from archc.runtime.inputs import Sample as Read
from archc.runtime.session import Session, open_session
from archc.runtime.tensors import shape_text

KEPT = 256 << 20  # bytes of samples that are held in memory; more are read anew each time
_T = TypeVar("_T")


@dataclass
class Samples:
    """What a calibration names, each sample as a batch of 1; may be gone through again.

    ``session`` has the network's inputs, ``preprocess`` is the spec's. After going through, ``refused`` says of which
    images nothing could be made, and why. Raises RequestError where nothing is left, or it does not fit the network.
    """

    calibration: Calibration
    session: Session
    preprocess: Mapping[str, Any]
    seed: int = 0
    refused: list[Refused] = field(default_factory=list[Refused])

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
            raise RequestError(f"{self._named}: nothing in it can be used: {why}", HINT)
        return found

    @property
    def _named(self) -> str:
        return f"--calibrate {self.calibration.source}"

    def _read(self) -> Iterator[Sample]:
        self.refused.clear()
        try:
            for item in self._items():
                if isinstance(item, Refused):
                    self.refused.append(item)
                else:
                    yield self._batch(item)
        except ModelError as e:
            raise RequestError(f"{self._named}: {e.message}", e.hint) from e

    def _batch(self, sample: Read) -> Sample:
        for name, array in sample.arrays.items():
            declared = self.session.inputs[name].shape[1:]
            if any(isinstance(size, int) and size != n for size, n in zip(declared, array.shape, strict=True)):
                found = shape_text(array.shape)
                raise RequestError(f"{self._named}: {sample.name} is {found}, and `{name}` is {shape_text(declared)}")
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise RequestError(f"{self._named}: `{name}` of {sample.name} holds what is infinite or no number")
        return {name: np.ascontiguousarray(array[None]) for name, array in sample.arrays.items()}

    def _items(self) -> Iterator[Read | Refused]:
        inputs, path, limit = Inputs(self.session, self._said()), self.calibration.path, self.calibration.limit
        if path is None:
            return inputs.random(limit, self.seed)
        if path.is_dir():
            return inputs.files(list(_spread_out(images_in(path), limit)))
        if path.suffix.lower() in ARRAYS and path.exists():
            return _spread_out(list(inputs.files([path])), limit)
        problem = "it is no folder and no array" if path.exists() else "there is no such folder or file"
        raise RequestError(f"{self._named}: {problem}", HINT)

    def _said(self) -> Mapping[str, Any] | None:
        """How images become the network's one input, as the spec says it."""
        ((name, _), *others) = self.session.inputs.items()
        said, path = self.preprocess.get(name, self.preprocess), self.calibration.path
        if not said and not others and path is not None and path.is_dir():
            raise RequestError(
                f"{self._named}: the spec does not say how images become the network's input",
                "write `preprocess` into it, or calibrate on arrays that are preprocessed (.npy)",
            )
        return said or None


def _spread_out(items: Sequence[_T], limit: int) -> Iterator[_T]:
    """At most ``limit`` of the items, at even distances: folders are often sorted by class."""
    count = min(limit, len(items))
    return (items[i * len(items) // count] for i in range(count))


def samples_for(calibration: Calibration, program: Program, preprocess: Mapping[str, Any]) -> Samples:
    """The samples that fit the program's inputs. Raises RequestError."""
    return Samples(calibration, _inputs_alone(program), preprocess)


def _inputs_alone(program: Program) -> Any:
    """A session with the program's inputs, and nothing that is computed."""
    outputs = {f"{name} again": type for name, type in program.inputs.items()}
    nodes = [OnnxNode("Identity", [name], [f"{name} again"]) for name in program.inputs]
    same = Program(nodes, [], program.inputs, outputs, {}, program.opsets[""])
    return open_session(b"".join(model_of(same, "inputs").chunks()))
