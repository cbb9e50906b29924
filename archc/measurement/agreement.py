"""Whether two runs of one network computed the same, as near as the precision of their numbers allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from archc.measurement.inputs import Array

# Precision → the largest difference that is taken, as a part of the largest number of the output. They tell another
# network from the same one whose sums are made in another order; what a precision costs is for `archc verify` to say.
TOLERANCE = {"fp64": 1e-6, "fp32": 1e-3, "fp16": 2e-2, "bf16": 1e-1, "int8": 3e-1}

# The same for one model with other options of the session: for fp32, TF32 that nobody asked for is too far.
SAME_MODEL = {"fp64": 1e-9, "fp32": 1e-4, "fp16": 1e-2, "bf16": 5e-2, "int8": 1e-1}


@dataclass(frozen=True, slots=True)
class Agreement:
    """The largest difference of any output, as a part of that output's largest number, and how much is allowed."""

    error: float
    allowed: float

    @property
    def holds(self) -> bool:
        """False also where there is anything but numbers."""
        return self.error <= self.allowed

    def __str__(self) -> str:
        if not np.isfinite(self.error):
            return "outputs of other shapes, or with numbers that are not finite"
        return f"outputs differ by {self.error:.1e} of the largest, where {self.allowed:g} is allowed"


def agreement(found: Mapping[str, Array], wanted: Mapping[str, Array], allowed: float) -> Agreement:
    """How far outputs are from those wanted. Outputs of other names, or of other shapes, are infinitely far."""
    if list(found) != list(wanted):
        return Agreement(np.inf, allowed)
    errors = [relative_error(found[name], array) for name, array in wanted.items()]
    return Agreement(max(errors, default=0.0), allowed)


def relative_error(found: Array, wanted: Array) -> float:
    """max |found − wanted| / max |wanted|, in float64; infinite where shapes differ or something is no number."""
    if found.shape != wanted.shape:
        return np.inf
    a, b = found.astype(np.float64), wanted.astype(np.float64)
    if not a.size:
        return 0.0
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return np.inf
    largest = float(np.abs(b).max())
    difference = float(np.abs(a - b).max())
    return difference / largest if largest else (np.inf if difference else 0.0)
