"""Percentiles as numpy has them, and intervals of medians that hold."""

from __future__ import annotations

import math
import random
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archc.measurement import Interval, median_interval, percentile

TIMES = st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=60)


@given(TIMES, st.floats(0, 100))
def test_percentiles_are_numpys(values: list[float], percent: float) -> None:
    assert percentile(values, percent) == pytest.approx(float(np.percentile(values, percent)), rel=1e-9)


def test_a_percentile_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="needs values"):
        percentile([], 50)
    with pytest.raises(ValueError, match="needs values"):
        median_interval([])


@given(TIMES)
def test_the_median_lies_in_its_interval(values: list[float]) -> None:
    found = median_interval(values)
    assert found.low <= found.median == median(values) <= found.high


def test_bounds_are_those_of_the_tables_of_the_sign_test() -> None:
    # Conover, "Practical Nonparametric Statistics": for n = 10 the 2nd and the 9th bound the median with 97.9%,
    # for n = 30 the 10th and the 21st with 95.7%.
    assert (median_interval(range(1, 11)).low, median_interval(range(1, 11)).high) == (2, 9)
    assert (median_interval(range(1, 31)).low, median_interval(range(1, 31)).high) == (10, 21)


def test_few_values_bound_nothing() -> None:
    found = median_interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (found.low, found.high) == (0.0, math.inf)
    assert median_interval([1.0] * 6).high == 1.0


def test_the_interval_holds_as_often_as_it_says() -> None:
    draw = random.Random(4)
    held = 0
    for _ in range(1000):
        found = median_interval([draw.expovariate(1.0) for _ in range(31)], 0.9)
        held += found.low <= math.log(2) <= found.high
    assert held >= 890  # 90% or a little more, ranks being whole numbers


def test_speed_ups_are_the_inverse_of_ratios() -> None:
    found = median_interval([0.5] * 21 + [0.25] * 5 + [0.8] * 5).inverse
    assert (found.median, found.low, found.high) == (2.0, 2.0, 2.0)
    found = Interval(0.5, 0.25, 0.8).inverse
    assert (found.median, found.low, found.high) == (2.0, 1.25, 4.0)
    assert Interval(1.0, 0.0, math.inf).inverse == Interval(1.0, 0.0, math.inf)
