"""Percentiles and medians of timings, and how far a median can be trusted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Interval:
    """A median, and the bounds between which the median of all such values lies with the confidence asked for."""

    median: float
    low: float
    high: float

    @property
    def inverse(self) -> Interval:
        """The same of one over each value: of speed-ups, where these are ratios of times."""
        return Interval(
            1 / self.median, 1 / self.high if self.high else math.inf, 1 / self.low if self.low else math.inf
        )


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which so many percent lie, interpolated between neighbours.

    It is definition 7 of Hyndman and Fan ("Sample Quantiles in Statistical Packages", The American Statistician 1996),
    the one that numpy has. Raises ValueError where there are no values.
    """
    if not values:
        raise ValueError("a percentile needs values")
    ordered = sorted(values)
    at = (len(ordered) - 1) * percent / 100
    below = min(math.floor(at), len(ordered) - 1)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (at - below)


def median_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """The median and its interval from order statistics, which holds whatever the distribution (the sign test's).

    Between the k-th smallest and the k-th largest of n values lies the true median with a probability of
    1 − 2·P(Binomial(n, ½) < k); k is the largest for which this is ``confidence`` or more. Where the values are too few
    for any k (five for 95%), the bounds are 0 and infinity, the values being times or ratios of times. Raises
    ValueError where there are no values.
    """
    if not values:
        raise ValueError("a median needs values")
    ordered, rank = sorted(values), _rank(len(values), confidence)
    if not rank:
        return Interval(median(ordered), 0.0, math.inf)
    return Interval(median(ordered), ordered[rank - 1], ordered[-rank])


def _rank(n: int, confidence: float) -> int:
    """The largest k for which both tails below k hold no more than what ``confidence`` leaves over; 0 if none does."""
    rank, tail = 0, 0.0
    while rank < (n + 1) // 2:
        tail += math.comb(n, rank) / 2**n
        if 2 * tail > 1 - confidence:
            break
        rank += 1
    return rank
