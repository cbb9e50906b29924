"""Weights that are no numbers are written as they are, and told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from archc.backends.onnx.values import Array
from archc.backends.onnx.wire import Initializer


class NotFinite:
    """Finds initializers with NaN or infinities as they are read; ``names`` are those so far.

    Scalars are not weights: an op may have −∞ as a constant.
    """

    def __init__(self) -> None:
        self.names: dict[str, None] = {}

    def watching(self, initializers: Iterable[Initializer]) -> tuple[Initializer, ...]:
        """The same initializers, looked at when they are read."""
        return tuple(self._watched(one) if one.shape else one for one in initializers)

    def _watched(self, one: Initializer) -> Initializer:
        def read() -> Array:
            array = one.read()
            if not finite(array):
                self.names[one.name] = None
            return array

        return replace(one, read=read)


def finite(array: Array) -> bool:
    """Whether all numbers are finite. A sum that is finite says so sooner."""
    if array.dtype.kind in "iub":
        return True
    with np.errstate(invalid="ignore", over="ignore"):
        return bool(array.dtype == np.float32 and np.isfinite(array.sum())) or bool(np.isfinite(array).all())
