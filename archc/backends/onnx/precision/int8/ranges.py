"""How far the numbers of an activation reach, and how much of that 8 bits are spent on.

Everything here sees one array after the other and keeps little: the bounds, then a histogram between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from archc.backends.onnx.values import Array

BINS = 2048  # Migacz, "8-bit inference with TensorRT", GTC 2017
LEVELS = 256
CANDIDATES = 128  # windows that are tried
PERCENTILE = 99.99


class Range(NamedTuple):
    """The least and the greatest number that is told apart."""

    low: float
    high: float


@dataclass(slots=True)
class Bounds:
    """The least and the greatest number seen; ``finite`` is false once one was not."""

    low: float = np.inf
    high: float = -np.inf
    finite: bool = True

    def see(self, x: Array) -> None:
        low, high = float(x.min()), float(x.max())
        self.finite = self.finite and bool(np.isfinite(low) and np.isfinite(high))
        self.low, self.high = min(self.low, low), max(self.high, high)

    @property
    def range(self) -> Range:
        """With 0, which must always be exact: padding is made of it."""
        return Range(min(self.low, 0.0), max(self.high, 0.0))


def _nothing() -> Array:
    return np.zeros(BINS, np.int64)


@dataclass(slots=True)
class Histogram:
    """How many numbers fell where, between bounds that hold them all. Zeros are exact anyway, and are not counted."""

    range: Range
    counts: Array = field(default_factory=_nothing)

    def see(self, x: Array) -> None:
        if self.range.high > self.range.low:
            self.counts += np.histogram(x[x != 0], BINS, self.range)[0]

    @property
    def centres(self) -> Array:
        low, high = self.range
        return low + (np.arange(BINS) + 0.5) * (high - low) / BINS


def minmax(histogram: Histogram) -> Range:
    """All that was seen."""
    return histogram.range


def percentile(histogram: Histogram) -> Range:
    """All but one number in 10,000, half of these at each end that has any."""
    total = histogram.counts.sum()
    sides = 2 if histogram.range.low < 0 < histogram.range.high else 1
    cut = total * (100 - PERCENTILE) / 100 / sides
    below = np.cumsum(histogram.counts)
    first, last = int((below <= cut).sum()), int((below < total - cut).sum())
    return _window(histogram, first if histogram.range.low < 0 else 0, last + 1 if histogram.range.high > 0 else BINS)


def entropy(histogram: Histogram) -> Range:
    """The window in which 256 levels keep most of the distribution: least Kullback–Leibler divergence (Migacz)."""
    return _best(histogram, _divergence)


def mse(histogram: Histogram) -> Range:
    """The window with the least squared error, of rounding within it and of saturation beyond it."""
    return _best(histogram, _squared_error)


METHODS: dict[str, Callable[[Histogram], Range]] = {
    "minmax": minmax, "entropy": entropy, "percentile": percentile, "mse": mse,
}  # fmt: skip


def _best(histogram: Histogram, loss: Callable[[Histogram, int, int], float]) -> Range:
    if not histogram.counts.any():
        return histogram.range
    losses = {window: loss(histogram, *window) for window in _windows(histogram.range)}
    return _window(histogram, *min(losses, key=lambda window: (losses[window], window[0] - window[1])))


def _windows(whole: Range) -> Iterator[tuple[int, int]]:
    """Windows of bins around zero, that reach equally far to both sides as far as there is anything."""
    reach, width = max(-whole.low, whole.high), (whole.high - whole.low) / BINS
    for k in range(CANDIDATES):
        bound = reach * (k + 1) / CANDIDATES
        first = max(0, round((-bound - whole.low) / width))
        last = min(BINS, round((bound - whole.low) / width))
        if last - first >= LEVELS:
            yield first, last


def _window(histogram: Histogram, first: int, last: int) -> Range:
    low, high = histogram.range
    width = (high - low) / BINS
    return Range(low + first * width, high - (BINS - last) * width)


def _divergence(histogram: Histogram, first: int, last: int) -> float:
    """KL(P ‖ Q): P has what lies beyond at its ends, as saturation puts it there; Q is P of 256 levels."""
    inside = histogram.counts[first:last].astype(np.float64)
    reference = inside.copy()
    reference[0] += histogram.counts[:first].sum()
    reference[-1] += histogram.counts[last:].sum()
    level = np.arange(last - first) * LEVELS // (last - first)
    filled = reference > 0
    sums, sizes = np.bincount(level, inside, LEVELS), np.bincount(level, filled, LEVELS)
    coarse = np.where(filled, (sums / np.maximum(sizes, 1))[level], 0.0)
    p, q = reference[filled] / reference.sum(), coarse[filled] / max(coarse.sum(), 1.0)
    return float(np.sum(p * np.log(p / np.maximum(q, 1e-12))))


def _squared_error(histogram: Histogram, first: int, last: int) -> float:
    low, high = _window(histogram, first, last)
    centres, step = histogram.centres, (min(high, np.inf) - low) / (LEVELS - 1)
    beyond = np.maximum(low - centres, 0) + np.maximum(centres - high, 0)
    return float(np.sum(histogram.counts * (beyond**2 + step**2 / 12)))
