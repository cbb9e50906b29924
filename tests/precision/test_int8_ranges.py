"""How much of what was seen 8 bits are spent on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archc.backends.onnx.calibration import METHODS as NAMES
from archc.backends.onnx.precision.int8.numbers import Quantizer
from archc.backends.onnx.precision.int8.ranges import METHODS, Bounds, Histogram, Range


def seen(*arrays: np.ndarray) -> Histogram:
    bounds = Bounds()
    for x in arrays:
        bounds.see(x)
    histogram = Histogram(bounds.range)
    for x in arrays:
        histogram.see(x)
    return histogram


def normal(count: int = 40_000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(count).astype(np.float32)


def error(x: np.ndarray, range: Range) -> float:
    quantizer = Quantizer.of(range)
    return float(np.square(quantizer.dequantize(quantizer.quantize(x)) - x).mean())


def test_the_command_line_knows_the_methods() -> None:
    assert tuple(METHODS) == NAMES


@pytest.mark.parametrize("method", NAMES)
def test_it_does_not_matter_how_the_numbers_come(method: str) -> None:
    x = normal()
    whole, parts = seen(x), seen(*np.array_split(x[::-1], 7))
    assert METHODS[method](whole) == METHODS[method](parts)


@pytest.mark.parametrize("method", NAMES)
@given(seed=st.integers(0, 99), kind=st.sampled_from(["both", "positive", "negative"]), scale=st.floats(1e-6, 1e6))
def test_a_range_lies_within_what_was_seen_and_around_zero(method: str, seed: int, kind: str, scale: float) -> None:
    x = normal(2000, seed) * np.float32(scale)
    x = {"both": x, "positive": np.maximum(x, 0), "negative": np.minimum(x, 0)}[kind]
    range = METHODS[method](seen(x))
    slack = 1e-5 * float(np.abs(x).max())
    assert min(x.min(), 0) - slack <= range.low <= 0 <= range.high <= max(x.max(), 0) + slack


def test_minmax_is_all() -> None:
    x = normal()
    assert METHODS["minmax"](seen(x)) == Range(float(x.min()), float(x.max()))
    assert METHODS["minmax"](seen(np.full(3, 2, np.float32))) == Range(0, 2)


@pytest.mark.parametrize("method", ["entropy", "percentile"])
@pytest.mark.parametrize("sign", [1, -1])
def test_one_number_far_off_costs_the_others_nothing(method: str, sign: int) -> None:
    x = np.append(np.abs(normal()), np.float32(1000)) * sign
    range = METHODS[method](seen(x))
    assert (range.high if sign > 0 else -range.low) < 150
    assert error(x[:-1], range) < error(x[:-1], METHODS["minmax"](seen(x))) / 10


def test_mse_is_never_worse_than_all() -> None:
    for seed in range(5):
        x = normal(seed=seed) ** 3
        histogram = seen(x)
        assert error(x, METHODS["mse"](histogram)) <= error(x, METHODS["minmax"](histogram)) * 1.02


def test_entropy_keeps_a_uniform_distribution_whole() -> None:
    x = np.random.default_rng(0).uniform(0, 1, 200_000).astype(np.float32)
    assert METHODS["entropy"](seen(x)).high > 0.97


@pytest.mark.parametrize("method", NAMES)
def test_nothing_but_zeros(method: str) -> None:
    assert METHODS[method](seen(np.zeros(9, np.float32))) == Range(0, 0)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_noticed(wrong: float) -> None:
    bounds = Bounds()
    bounds.see(np.array([0, wrong, 1], np.float32))
    assert not bounds.finite
