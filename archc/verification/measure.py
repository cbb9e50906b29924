"""How far arrays are from those expected."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

import numpy as np

from archc.backends.onnx.precision.errors import Loss
from archc.backends.weights import Array
from archc.measurement.agreement import relative_error
from archc.verification.result import Measured, Statistics, Worst


def measured(found: Mapping[str, Array], expected: Mapping[str, Array]) -> Measured:
    """The worst of all outputs. Those of other names or shapes, and what is no number, are infinitely far."""
    if list(found) != list(expected):
        return Measured(inf, -inf)
    each = [of_tensor(found[name], wanted) for name, wanted in expected.items()]
    shares = [one.top1 for one in each if one.top1 is not None]
    return Measured(
        max((one.error for one in each), default=0.0), min((one.sqnr for one in each), default=inf),
        min(shares, default=None),
    )  # fmt: skip


def of_tensor(found: Array, expected: Array) -> Measured:
    """Of one output."""
    error = relative_error(found, expected)
    if error == inf:
        return Measured(inf, -inf)
    loss = Loss()
    loss.see(expected, found)
    loss.see_classes(expected, found)
    return Measured(error, loss.sqnr, loss.agreeing / loss.classified if loss.classified else None)


def statistics(x: Array) -> Statistics:
    """Of all numbers of a tensor; of none where it is empty."""
    if not x.size:
        return Statistics(0.0, 0.0, 0.0, 0.0)
    y = x.astype(np.float64)
    return Statistics(float(y.min()), float(y.mean()), float(y.max()), float(y.std()))


def worst(found: Array, expected: Array) -> Worst | None:
    """Where they are furthest from one another; None where they have other shapes, or no numbers."""
    if found.shape != expected.shape or not found.size:
        return None
    difference = np.abs(found.astype(np.float64) - expected)
    place = int(np.argmax(np.where(np.isfinite(difference), difference, np.inf)))
    return Worst(
        tuple(int(i) for i in np.unravel_index(place, found.shape)),
        float(expected.flat[place]), float(found.flat[place]),
    )  # fmt: skip
