"""Tensors by key, of a file or at hand: what is known of each without reading it, and how to read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class WeightsError(Exception):
    """Weights cannot be read, or are not those of the network."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One tensor of a file: its shape, whether it holds integers, and how to read it."""

    shape: tuple[int, ...]
    integer: bool
    read: Callable[[], Array]


class Tensors(Mapping[str, Array]):
    """Key → tensor, of a file or of what is at hand. It is read, and made float32, each time that it is asked for.

    ``source`` is what messages call the whole; ``metadata`` is that of the file, ``notes`` say what else is in it.
    """

    def __init__(
        self,
        source: str,
        stored: Mapping[str, Stored],
        metadata: Mapping[str, str] | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.source, self.stored, self.metadata, self.notes = source, stored, dict(metadata or {}), notes

    @property
    def name(self) -> str:
        """The file's, without its folder."""
        return Path(self.source).name

    def __getitem__(self, key: str) -> Array:
        return self.stored[key].read()

    def __iter__(self) -> Iterator[str]:
        return iter(self.stored)

    def __len__(self) -> int:
        return len(self.stored)

    def __contains__(self, key: object) -> bool:
        return key in self.stored


def as_float32(raw: Array) -> Array:
    """Floating-point numbers as float32, without a copy where they are; all else as it is."""
    with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, as in torch
        return raw.astype(np.float32, copy=False) if raw.dtype.kind == "f" else raw
