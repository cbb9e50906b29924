"""Whether two samples are of one distribution: by mean, deviation, reach, and the test of Kolmogorov and Smirnov."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Sample = NDArray[Any]

# Standard errors that nothing exceeds by chance: one comparison in thirty million does.
ERRORS = 5.5
# Its counterpart for distances of distributions, by the inequality of Dvoretzky, Kiefer and Wolfowitz.
DISTANCE = math.sqrt(math.log(2 * 30e6) / 2)
# Distances of the extremes of a uniform distribution from its ends, in 1/n of its width, exceed this in exp(-20).
REACH = 40
SORTED = 20_000  # numbers at most; sorting takes the longest
FEW = 50  # numbers, for which moments are not yet normally distributed: their distribution alone is compared


def differs(ours: Sample, theirs: Sample) -> str | None:
    """What tells the samples apart, or None if chance may have.

    The thresholds follow from the sizes. Of 80,000 numbers each, a deviation that is 3% off is found; so is a normal
    distribution in place of a uniform one.
    """
    a, b = ours.astype(np.float64).ravel(), theirs.astype(np.float64).ravel()
    if a.std() == 0 or b.std() == 0:
        same = set(a.tolist()) == set(b.tolist())
        return None if same else f"constant {b[0]:g} against {a.min():g} to {a.max():g}"
    if text := _shape(_thinned(a), _thinned(b)):
        return text
    error = math.sqrt(1 / a.size + 1 / b.size)
    return _moments(a, b, error) if min(a.size, b.size) >= FEW else None


def ks(a: Sample, b: Sample) -> float:
    """The statistic of Kolmogorov and Smirnov: the largest distance between the two cumulative distributions."""
    a, b = np.sort(a), np.sort(b)
    both = np.concatenate([a, b])
    steps = np.searchsorted(a, both, "right") / a.size - np.searchsorted(b, both, "right") / b.size
    return float(np.abs(steps).max())


def _thinned(sample: Sample) -> Sample:
    """Numbers enough to tell one shape from another."""
    return sample[:: -(-sample.size // SORTED)]


def _shape(a: Sample, b: Sample) -> str | None:
    distance = ks(a, b)
    return f"distance {distance:.4f}" if distance > DISTANCE * math.sqrt(1 / a.size + 1 / b.size) else None


def _moments(a: Sample, b: Sample, error: float) -> str | None:
    scale = b.std()
    if abs(a.mean() - b.mean()) > ERRORS * error * max(scale, a.std()):
        return f"mean {a.mean():g} against {b.mean():g}"
    kurtosis = float((((b - b.mean()) / scale) ** 4).mean())
    if abs(math.log(a.std() / scale)) > ERRORS * error * math.sqrt((kurtosis - 1) / 4):
        return f"deviation {a.std():g} against {scale:g}"
    if kurtosis > 2:  # the uniform's is 1.8, and what is cut off steeply has ends too
        return None
    ends = max(abs(a.min() - b.min()), abs(a.max() - b.max())) / np.ptp(b)
    if ends > REACH / min(a.size, b.size):
        return f"{a.min():g} to {a.max():g} against {b.min():g} to {b.max():g}"
    return None
