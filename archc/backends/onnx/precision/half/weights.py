"""Numbers of initializers in half precision, and what is lost by that."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from archc.backends.onnx.program import Program
from archc.backends.onnx.values import Array
from archc.backends.onnx.wire import dtype_of

ROOM = 1 << 30  # bytes of converted weights held in memory; those beyond are converted again when they are written


class Loss(NamedTuple):
    """What becomes of numbers: ``largest`` is the greatest magnitude among those too large; None where none is.

    Of ``size`` numbers, ``vanished`` become 0 that were not.
    """

    largest: float | None
    vanished: int
    size: int

    @property
    def fits(self) -> bool:
        """Whether no number is too large, and not all that there was has vanished."""
        return self.largest is None and (self.vanished == 0 or self.vanished < self.size)


def narrow(array: Array, dtype: str) -> Array:
    """Rounded to the nearest number of the dtype, to the even one between two; infinity where the range ends."""
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(array, np.float32).astype(dtype_of(dtype))


def loss(array: Array, half: Array) -> Loss:
    """What was lost when ``array`` became ``half``."""
    over = ~np.isfinite(half) & np.isfinite(array)
    largest = float(np.abs(array[over]).max()) if over.any() else None
    nonzero = np.count_nonzero(array)
    return Loss(largest, int(nonzero - np.count_nonzero(half)), int(nonzero))


class Narrowing:
    """Initializers of a program in another dtype, each converted once as long as memory is allowed."""

    def __init__(self, program: Program, dtype: str) -> None:
        self._program, self._dtype = program, dtype
        self._losses: dict[str, Loss] = {}
        self._arrays: dict[str, Array] = {}
        self._room = ROOM

    def loss(self, name: str) -> Loss:
        """What an initializer loses. Its numbers are read for that."""
        if name not in self._losses:
            array = self._program.value(name)
            half = narrow(array, self._dtype)
            self._losses[name] = loss(array, half)
            if half.nbytes <= self._room:
                self._room -= half.nbytes
                self._arrays[name] = half
        return self._losses[name]

    @property
    def losses(self) -> dict[str, Loss]:
        """What those initializers lose that were asked about."""
        return dict(self._losses)

    def convert(self, name: str) -> None:
        """Let the program's initializer have the dtype."""
        read, array = self._program.initializers[name].read, self._arrays.get(name)
        self._program.replace_initializer(
            name, dtype=self._dtype, read=lambda: narrow(read(), self._dtype) if array is None else array
        )

    def copy(self, name: str, wanted: str) -> str:
        """A new initializer, called ``wanted`` or near it, with the numbers in the dtype."""
        known = self._program.initializers[name]
        array, dtype, read = self._arrays.get(name), self._dtype, known.read
        return self._program.initializer(
            wanted, known.shape, dtype, lambda: narrow(read(), dtype) if array is None else array
        )
