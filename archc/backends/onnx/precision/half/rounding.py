"""Rounding weights so that what a filter gives for even input stays what it was.

To the nearest, each weight of a filter errs by itself, and its bias too. What comes out is off by the sum of these, all
over an image and in each image alike, for what the weights are multiplied by is mostly of one sign, after a ReLU
always. Here as many weights as make up for that sum are rounded to their other neighbour, first those that lie nearly
half way. It costs nothing at run time. Nagel et al., arXiv:1906.04721, section 4.2, and arXiv:2004.10568 tell of the
same errors in 8 bits, and that the nearest is not the best.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np

from archc.backends.onnx.values import Array

CANDIDATES = 8  # of n weights of a filter, about 8 √n may go to the other neighbour, at even distances
EXPLAINED = 0.5  # of the biases' variance, at least, where they tell the mean of what is read
LEAST = 0.25  # mean; a smaller one would have the weights err many times for the bias
_PORTION = 1 << 18  # weights at a time


def balance(exact: Array, half: Array, axis: int, owed: Array | None = None) -> Array:
    """``half``, which is ``exact`` rounded to the nearest, with some numbers rounded to the other neighbour.

    The filters lie along ``axis``. Each then sums up to what it did, less what is ``owed`` (by filter), as nearly as
    half a unit in the last place of its weights allows. Numbers that are exact or zero stay so, and none becomes zero
    or infinite. A filter of which a number isn't finite stays as it is.
    """
    if not exact.size:
        return half
    numbers, rounded = (np.moveaxis(a, axis, 0) for a in (exact, half))
    result = np.ascontiguousarray(rounded).reshape(len(rounded), -1).copy()
    rows = numbers.reshape(result.shape)
    owed = np.zeros(len(rows)) if owed is None else owed
    for some in _portions(rows.shape):
        _turn(rows[some], result[some], owed[some])
    return np.ascontiguousarray(np.moveaxis(result.reshape(rounded.shape), 0, axis))


def mean_read(exact: Array, axis: int, bias: Array) -> float | None:
    """About what a convolution reads on average, as far as its bias tells; None where it doesn't.

    A batch norm that is folded takes what comes out on average, which is the mean of what is read times the filter's
    sum, off the bias. So biases fall as sums grow, by that mean. A regression gives it without any data.
    """
    others = tuple(i for i in range(exact.ndim) if i != axis)
    with np.errstate(invalid="ignore"):
        sums = exact.sum(others, np.float64)
        sums, biases = sums - sums.mean(), bias - bias.mean(dtype=np.float64)
        both, spread, explained = sums @ biases, sums @ sums, biases @ biases
    if not (both < 0 and both * both >= EXPLAINED * spread * explained):
        return None
    return max(float(-both / spread), LEAST)


def _portions(shape: tuple[int, ...]) -> Iterator[slice]:
    step = max(1, _PORTION // prod(shape[1:]))
    return (slice(start, start + step) for start in range(0, shape[0], step))


@np.errstate(invalid="ignore")  # of infinity and infinity
def _turn(exact: Array, half: Array, owed: Array) -> None:
    """Change ``half`` to what ``balance`` says, by rows."""
    back = half.astype(np.float32)
    error = (back - exact).sum(1, np.float64) + owed
    error[~np.isfinite(error)] = 0
    some = slice(None, None, max(1, int(exact.shape[1] ** 0.5 // CANDIDATES)))
    far = _other_neighbour(exact[:, some], back[:, some], half[:, some])
    np.copyto(half[:, some], far, where=_chosen(exact[:, some], back[:, some], far.astype(np.float32), error))


def _other_neighbour(exact: Array, back: Array, half: Array) -> Array:
    """The number of the format on the other side of ``exact``; where it must not be taken, ``half`` itself.

    ``back`` is ``half`` in fp32. In order of magnitude the numbers of a format are those of its bits, read as integers.
    """
    bits, larger = half.view(np.uint16), np.abs(exact) > np.abs(back)
    far = np.where(larger, bits + np.uint16(1), bits - np.uint16(1)).view(half.dtype)
    allowed = (exact != back) & (back != 0) & (far != 0) & np.isfinite(far)
    return np.where(allowed, far, half)


def _chosen(exact: Array, near: Array, far: Array, error: Array) -> Array:
    """Which numbers go to the other neighbour: those that lose least by it, until the error of their row is gone."""
    step = (far - near) * -np.sign(error, dtype=np.float32)[:, None]  # by how much the row's error falls
    helps = step > 0
    cost = np.where(helps, np.abs(far - exact) - np.abs(near - exact), np.float32(np.inf))
    order = _ascending(cost)
    steps = np.take_along_axis(np.where(helps, step, 0), order, 1)
    enough = np.cumsum(steps, 1, np.float64) - steps / 2 <= np.abs(error)[:, None]
    chosen = np.empty_like(helps)
    np.put_along_axis(chosen, order, enough, 1)
    return chosen & helps


def _ascending(cost: Array) -> Array:
    """The order of fp32 numbers, none of them negative, by rows; of equal ones the first comes first.

    The bits of such numbers are in their order. With the places below them they sort faster than by an indirect sort.
    """
    places = np.arange(cost.shape[1], dtype=np.uint64)
    keys = cost.view(np.uint32).astype(np.uint64) << np.uint64(32) | places
    keys.sort(1)
    return (keys & np.uint64(0xFFFFFFFF)).astype(np.intp)
