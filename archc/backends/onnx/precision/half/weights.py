"""Numbers of initializers in half precision, and what is lost by that."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from archc.backends.onnx.precision.half.rounding import balance, mean_read
from archc.backends.onnx.program import OnnxNode, Program
from archc.backends.onnx.values import Array
from archc.backends.onnx.wire import dtype_of

ROOM = 1 << 30  # bytes of converted weights held in memory; those beyond are converted again when they are written
COARSE = 2.0**-8  # of their length, by which filters may be off: 8 times what rounding costs normal numbers at most


class Loss(NamedTuple):
    """What becomes of numbers: ``largest`` is the greatest magnitude among those too large; None where none is.

    Of ``size`` numbers, ``vanished`` become 0 that were not. ``coarse`` are filters of numbers so small that they keep
    few digits.
    """

    largest: float | None
    vanished: int
    size: int
    coarse: bool = False

    @property
    def fits(self) -> bool:
        """Whether no number is too large, not all that there was has vanished, and enough is left of filters."""
        return self.largest is None and (self.vanished == 0 or self.vanished < self.size) and not self.coarse


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


def coarse(exact: Array, half: Array) -> bool:
    """Whether ``half`` is far from ``exact``, since its numbers are subnormal, or next to them."""
    norm = float(np.linalg.norm(exact.ravel().astype(np.float64)))
    return float(np.linalg.norm((half.astype(np.float64) - exact).ravel())) > COARSE * norm


def _may_be_coarse(exact: Array, half: Array) -> bool:
    """Whether steps between subnormal numbers are large beside these. A sum of squares in fp32 tells it fast."""
    step = float(np.array(1, np.uint16).view(half.dtype))  # bits count numbers from 0 on
    squares = float(np.vdot(exact, exact))
    return bool(squares < exact.size * (step / COARSE) ** 2)


# Along which axis of a node's second input the filters lie.
_FILTERS: dict[str, Callable[[OnnxNode], int]] = {
    "Conv": lambda node: 0,
    "Gemm": lambda node: 0 if node.attributes.get("transB") else 1,
    "MatMul": lambda node: 1,
}


def _filter_axis(node: OnnxNode, name: str) -> int | None:
    """Along which axis of an initializer that the node reads the filters lie; None where it has none."""
    found = _FILTERS.get(node.op_type) if not node.domain and node.inputs[1:2] == [name] else None
    return found(node) if found else None


class Narrowing:
    """Initializers of a program in another dtype, each converted once as long as memory is allowed.

    Filters of convolutions and matrices are rounded as ``rounding`` says, all else to the nearest.
    """

    def __init__(self, program: Program, dtype: str) -> None:
        self._program, self._exact, self._dtype = program, program.copy(), dtype
        self._losses: dict[str, Loss] = {}
        self._arrays: dict[str, Array] = {}
        self._room = ROOM

    def loss(self, name: str) -> Loss:
        """What an initializer loses. Its numbers are read for that."""
        if name not in self._losses:
            array = self._exact.value(name)
            half = self._narrowed(name, array)
            small = self._axis(name) is not None and _may_be_coarse(array, half) and coarse(array, half)
            self._losses[name] = loss(array, half)._replace(coarse=small)
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
        self._program.replace_initializer(name, dtype=self._dtype, read=self._reading(name))

    def copy(self, name: str, wanted: str) -> str:
        """A new initializer, called ``wanted`` or near it, with the numbers in the dtype."""
        return self._program.initializer(wanted, self._exact.initializers[name].shape, self._dtype, self._reading(name))

    def _reading(self, name: str) -> Callable[[], Array]:
        known = self._arrays.get(name)
        return (lambda: known) if known is not None else lambda: self._narrowed(name, self._exact.value(name))

    def _narrowed(self, name: str, array: Array) -> Array:
        half, axis, readers = narrow(array, self._dtype), self._axis(name), self._exact.consumers(name)
        if axis is None:
            return half
        return balance(array, half, axis, self._owed(readers[0], array, axis) if len(readers) == 1 else None)

    def _axis(self, name: str) -> int | None:
        """Along which axis of an initializer filters lie; None where it has none."""
        axes = {_filter_axis(reader, name) for reader in self._exact.consumers(name)}
        found = axes.pop() if len(axes) == 1 else None
        return found if len(self._exact.initializers[name].shape) > 1 else None

    def _owed(self, node: OnnxNode, weight: Array, axis: int) -> Array | None:
        """How much more than they were filters must not sum up to, since the bias is rounded too."""
        bias = next(iter(node.inputs[2:]), "")
        if not self._exact.is_constant(bias):
            return None
        exact = self._exact.value(bias)
        if exact.shape != weight.shape[axis : axis + 1] or (mean := mean_read(weight, axis, exact)) is None:
            return None
        return (narrow(exact, self._dtype).astype(np.float64) - exact) / mean
