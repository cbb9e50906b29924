"""What a network is calibrated on: images in a folder, arrays in .npy and .npz, or random numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from archc.backends.onnx.precision.int8.evaluate import Sample
from archc.diagnostics.diagnostic import RequestError
from archc.runtime.errors import ModelError
from archc.runtime.inputs import ARRAYS, Inputs, Refused
from archc.runtime.inputs import Sample as Read
from archc.runtime.session import Session

_T = TypeVar("_T")

RANDOM = "random"
FOLDER = "folder:"
KEPT = 256 << 20  # bytes of samples that are held in memory; more are read anew each time
HINT = "--calibrate folder:PATH takes images, --calibrate FILE.npy arrays that are preprocessed"


@dataclass
class Samples:
    """At most ``limit`` samples of ``source``, spread evenly over it, each as a batch of 1; may be gone through again.

    ``source`` is ``folder:PATH``, a ``.npy`` or ``.npz`` file (N × C × H × W, preprocessed), or ``random``; ``refused``
    says of which images nothing could be made, and why. Raises RequestError where nothing is left, or it does not fit.
    """

    source: str
    limit: int
    session: Session  # of the network that it is for
    preprocess: Mapping[str, Any]
    seed: int = 0
    refused: list[Refused] = field(default_factory=list[Refused])

    def __iter__(self) -> Iterator[Sample]:
        return iter(self._held) if self._held is not None else self._read()

    @property
    def random(self) -> bool:
        return self.source == RANDOM

    @cached_property
    def count(self) -> int:
        """How many there are."""
        return len(self._held) if self._held is not None else sum(1 for _ in self._read())

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
            raise RequestError(f"--calibrate {self.source}: nothing in it can be used: {self._reasons()}", HINT)
        return found

    def _reasons(self) -> str:
        return "; ".join(f"{one.name}: {one.why}" for one in self.refused[:3]) or "it is empty"

    def _read(self) -> Iterator[Sample]:
        try:
            yield from self._usable()
        except ModelError as e:
            raise RequestError(f"--calibrate {self.source}: {e.message}", e.hint) from e

    def _usable(self) -> Iterator[Sample]:
        self.refused.clear()
        for item in self._items():
            if isinstance(item, Refused):
                self.refused.append(item)
                continue
            for name, array in item.arrays.items():
                if array.dtype.kind == "f" and not np.isfinite(array).all():
                    raise RequestError(f"--calibrate {self.source}: {item.name} holds numbers in `{name}` that are "
                                       "infinite or none")  # fmt: skip
            yield {name: np.ascontiguousarray(array[None]) for name, array in item.arrays.items()}

    def _items(self) -> Iterator[Read | Refused]:
        inputs = Inputs(self.session, self._said())
        if self.random:
            return inputs.random(self.limit, self.seed)
        path = Path(self.source.removeprefix(FOLDER))
        if path.suffix.lower() in ARRAYS and not path.is_dir():
            return _spread_out(list(inputs.files([path])), self.limit)
        if not path.is_dir():
            what = "is no folder" if path.exists() else "there is no such folder or file"
            raise RequestError(f"--calibrate {self.source}: {what}", HINT)
        return inputs.files(list(_spread_out(_images(path), self.limit)))

    def _said(self) -> Mapping[str, Any] | None:
        """How images become the network's one input, as the spec says it."""
        ((name, _), *others) = self.session.inputs.items()
        said = self.preprocess.get(name, self.preprocess)
        if self.source.startswith(FOLDER) and not said and not others:
            raise RequestError(
                f"--calibrate {self.source}: the spec does not say how images become the network's input",
                "write `preprocess` into it, or calibrate on arrays that are preprocessed (.npy)",
            )
        return said or None


def _images(folder: Path) -> list[Path]:
    from archc.runtime.images import SUFFIXES

    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def _spread_out(items: Sequence[_T], limit: int) -> Iterator[_T]:
    """At most ``limit`` of the items, at even distances: folders are often sorted by class."""
    count = min(limit, len(items))
    return (items[i * len(items) // count] for i in range(count))
