"""From ranges to scales and zero points, and from weights and biases to integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archc.backends.onnx.precision.int8.numbers import (
    REDUCED_LIMIT,
    WEIGHT_LIMIT,
    Quantizer,
    quantize_bias,
    quantize_weight,
    room_for_bias,
    weight_scales,
)
from archc.backends.onnx.precision.int8.ranges import Range

SIZES = st.floats(1e-6, 1e6)
RANGES = st.tuples(st.one_of(st.just(0.0), SIZES), st.one_of(st.just(0.0), SIZES)).map(
    lambda ends: Range(-ends[0], ends[1])
)


@given(RANGES)
def test_zero_is_exact_and_the_range_is_reached(range: Range) -> None:
    quantizer = Quantizer.of(range)
    assert quantizer.dequantize(quantizer.quantize(np.zeros(1, np.float32))) == 0
    if range == Range(0, 0):
        return
    x = np.linspace(*range, 1000).astype(np.float32)
    error = np.abs(quantizer.dequantize(quantizer.quantize(x)) - x)
    assert error.max() <= float(quantizer.scale) * (1 + 1e-4), "a step at the ends, since zero is exact"
    assert np.median(error) <= float(quantizer.scale) / 2 * (1 + 1e-4)


@given(RANGES, st.floats(-2e6, 2e6))
def test_what_lies_beyond_saturates(range: Range, value: float) -> None:
    quantizer = Quantizer.of(range)
    q = int(quantizer.quantize(np.array([value]))[0])
    low, high = quantizer.dequantize(np.array([0, 255], np.uint8))
    assert q == (0 if value <= low else 255 if value >= high else q)


def test_nothing_but_zeros() -> None:
    quantizer = Quantizer.of(Range(0.0, 0.0))
    assert quantizer.zero_point == 0 and quantizer.dequantize(np.zeros(1, np.uint8)) == 0
    units = quantizer.scale * np.float32(8)  # of a bias behind it, whose layer has large weights
    bias = quantize_bias(np.array([0.5, -1.5], np.float32), units) * units
    assert np.allclose(bias, [0.5, -1.5], rtol=1e-3)


@given(st.floats(1e-3, 100), st.floats(0.01, 1))
def test_a_clip_vanishes_where_the_range_ends_at_its_bounds(high: float, part: float) -> None:
    """Q(clip(x)) = Q(x): on the range of what a clip to 0 … 6 has given, whichever part of it was seen."""
    quantizer = Quantizer.of(Range(0.0, high * part))
    x = np.linspace(-2 * high, 2 * high, 999).astype(np.float32)
    np.testing.assert_array_equal(quantizer.quantize(np.clip(x, 0, np.float32(high))), quantizer.quantize(x))


WEIGHTS = st.integers(0, 2**32 - 1).map(
    lambda seed: (
        np.random.default_rng(seed).normal(size=(5, 4, 3))
        * 10.0 ** np.random.default_rng(seed).uniform(-4, 3, (5, 1, 1))
    )
)


@given(WEIGHTS, st.integers(0, 2), st.sampled_from([WEIGHT_LIMIT, REDUCED_LIMIT]))
def test_weights_are_symmetric_by_channel(weight: np.ndarray, axis: int, limit: int) -> None:
    scales = weight_scales(weight, axis, limit)
    q = quantize_weight(weight, scales, axis, limit)
    assert (q.dtype, scales.dtype, scales.shape) == (np.int8, np.float32, (weight.shape[axis],))
    channels = np.moveaxis(q, axis, 0).reshape(len(scales), -1).astype(int)
    np.testing.assert_array_equal(np.abs(channels).max(1), limit)
    error = np.abs(np.moveaxis(weight, axis, 0).reshape(len(scales), -1) - channels * scales[:, None].astype(float))
    assert (error <= scales[:, None] / 2 * (1 + 1e-5)).all()


def test_a_channel_of_zeros() -> None:
    weight = np.zeros((2, 3), np.float32)
    weight[1] = 1
    scales = weight_scales(weight, 0)
    np.testing.assert_array_equal(scales, np.float32([1, 1 / 127]))
    np.testing.assert_array_equal(quantize_weight(weight, scales, 0), [[0, 0, 0], [127, 127, 127]])


@pytest.mark.parametrize("size", [1e-6, 1e-7, 1e-8])
def test_a_channel_of_next_to_nothing_is_as_fine_as_scales_allow(size: float) -> None:
    weight = np.linspace(-size, size, 9, dtype=np.float32)[None]
    scales = weight_scales(weight, 0)
    q = quantize_weight(weight, scales, 0)
    assert np.abs(q * scales[:, None] - weight).max() <= max(size / 127, 2.0**-30) / 2 * 1.0001


def test_sums_of_two_products_fit_into_16_bits_with_weights_of_7() -> None:
    assert 2 * 255 * REDUCED_LIMIT <= np.iinfo(np.int16).max < 2 * 255 * WEIGHT_LIMIT


@given(st.floats(1e-12, 1e3), st.floats(1e-9, 1e3), st.floats(-1e6, 1e6))
@settings(max_examples=300)
def test_biases_fit_into_32_bits(input_scale: float, weight_scale: float, bias: float) -> None:
    numbers = np.array([bias], np.float32)
    scales = room_for_bias(np.array([weight_scale], np.float32), numbers, np.float32(input_scale))
    units = (np.float32(input_scale) * scales).astype(np.float32)
    q = quantize_bias(numbers, units)
    assert abs(int(q[0])) <= 1.0001 * 2**30
    assert float(q[0]) * float(units[0]) == pytest.approx(float(numbers[0]), abs=float(units[0]), rel=1e-6)
