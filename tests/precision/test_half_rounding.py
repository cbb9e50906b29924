"""Weights rounded so that filters keep their sums: what each may become, and what that does to convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from archc.backends.onnx.precision.half.rounding import LEAST, balance, mean_read
from archc.backends.onnx.precision.half.weights import narrow
from archc.backends.onnx.program import OnnxNode
from tests.precision.halves import KINDS, SHAPE, halved, node, program

DTYPES = ("float16", "bfloat16")
every_dtype = pytest.mark.parametrize("dtype", DTYPES)
Array = np.ndarray[Any, Any]

anything = st.floats(width=32, allow_nan=False)
weights = st.floats(-4, -(2**-9), width=32) | st.floats(2**-9, 4, width=32)  # far from where the format ends
FILTERS = arrays.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)


def filters(elements: st.SearchStrategy[float]) -> st.SearchStrategy[Array]:
    return arrays.arrays(np.float32, FILTERS, elements=elements)


def neighbours(exact: Array, dtype: str) -> tuple[Array, Array]:
    """The largest number of the format that isn't above, and the smallest that isn't below."""
    near = narrow(exact, dtype)
    with np.errstate(over="ignore"):
        down, up = (np.nextafter(near, np.array(way, near.dtype)) for way in (-np.inf, np.inf))
    back = near.astype(np.float32)
    return np.where(back <= exact, near, down), np.where(back >= exact, near, up)


def errors(exact: Array, half: Array) -> Array:
    return (half.astype(np.float64) - exact).sum(1)


def largest_step(exact: Array, dtype: str) -> Array:
    below, above = neighbours(exact, dtype)
    return (above.astype(np.float64) - below.astype(np.float64)).max(1)


# Each number


@every_dtype
@given(exact=filters(anything))
def test_each_weight_is_one_of_its_two_neighbours(dtype: str, exact: Array) -> None:
    near = narrow(exact, dtype)
    made = balance(exact, near, 0)
    below, above = neighbours(exact, dtype)
    assert made.dtype == near.dtype
    assert ((made == below) | (made == above)).all()
    same = near.astype(np.float32) == exact
    assert np.array_equal(made[same], near[same])
    assert np.array_equal(made == 0, near == 0)
    assert np.array_equal(np.isinf(made), np.isinf(near))


@every_dtype
def test_a_filter_with_a_number_that_is_not_finite_is_rounded_to_the_nearest(dtype: str) -> None:
    exact = np.random.default_rng(0).standard_normal((4, 200)).astype(np.float32)
    alone = balance(exact, narrow(exact, dtype), 0)
    exact[0, 3], exact[1, 7], exact[2, 5] = np.inf, np.nan, np.float32(3.4e38)
    near = narrow(exact, dtype)
    made = balance(exact, near, 0)
    assert np.array_equal(made[:2].astype(np.float32), near[:2].astype(np.float32), equal_nan=True)
    assert np.array_equal(made[3], alone[3])


# Sums


@every_dtype
@given(exact=filters(weights))
def test_filters_keep_their_sums(dtype: str, exact: Array) -> None:
    near = narrow(exact, dtype)
    made = balance(exact, near, 0)
    left = np.abs(errors(exact, made))
    assert (left <= largest_step(exact, dtype) / 2).all()
    assert (left <= np.abs(errors(exact, near))).all()


@every_dtype
@given(exact=filters(weights), data=st.data())
def test_what_is_owed_is_paid_as_far_as_weights_allow(dtype: str, exact: Array, data: st.DataObject) -> None:
    owed = data.draw(arrays.arrays(np.float64, len(exact), elements=st.floats(-0.5, 0.5)))
    made = balance(exact, narrow(exact, dtype), 0, owed)
    below, above = (side.astype(np.float64) for side in neighbours(exact, dtype))
    least, most = (below - exact).sum(1), (above - exact).sum(1)
    wanted = np.clip(-owed, least, most)
    assert (np.abs(errors(exact, made) - wanted) <= largest_step(exact, dtype) / 2 + 1e-12).all()


@every_dtype
@pytest.mark.parametrize("shape", [(64, 25_088), (3, 70_000), (300, 4096)])
def test_long_filters_and_many(dtype: str, shape: tuple[int, int]) -> None:
    """Of long filters only some weights may go to the other neighbour, and large arrays go by portions."""
    exact = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    near = narrow(exact, dtype)
    made = balance(exact, near, 0)
    assert (np.abs(errors(exact, made)) <= largest_step(exact, dtype) / 2).all()
    squares = [float(np.square(half.astype(np.float64) - exact).sum()) for half in (near, made)]
    assert squares[1] < 1.02 * squares[0]  # those that move lay nearly half way


def test_those_that_lie_nearly_half_way_go_first() -> None:
    unit = 2**-10  # the distance of fp16's numbers from 1 to 2
    exact = np.float32([[1 + 0.45 * unit, 1 + 0.3 * unit, 1 + 0.48 * unit, 1 + 0.2 * unit]])
    assert np.array_equal(balance(exact, narrow(exact, "float16"), 0), np.float16([[1, 1, 1 + unit, 1]]))
    two = np.float32([[1 + 0.45 * unit] * 4])
    assert np.array_equal(balance(two, narrow(two, "float16"), 0), np.float16([[1 + unit, 1 + unit, 1, 1]]))


@every_dtype
def test_filters_may_lie_along_another_axis(dtype: str) -> None:
    exact = np.random.default_rng(0).standard_normal((6, 30, 2)).astype(np.float32)
    made = balance(exact, narrow(exact, dtype), 1)
    first = np.ascontiguousarray(np.moveaxis(exact, 1, 0))
    assert np.array_equal(np.moveaxis(made, 1, 0), balance(first, narrow(first, dtype), 0))
    assert made.flags.c_contiguous


# The mean that biases tell


def folded(mean: float, noise: float, seed: int = 0) -> tuple[Array, Array]:
    """Filters, and biases from which a batch norm's mean was taken."""
    rng = np.random.default_rng(seed)
    filters = rng.standard_normal((64, 3, 3, 3)).astype(np.float32)
    shift = 0.5 + noise * rng.standard_normal(64)
    return filters, (shift - mean * filters.sum((1, 2, 3))).astype(np.float32)


def test_the_mean_is_found_where_a_norm_was_folded() -> None:
    assert mean_read(folded(1.5, 1.0)[0], 0, folded(1.5, 1.0)[1]) == pytest.approx(1.5, rel=0.15)
    assert mean_read(*_between(folded(0.01, 0.0))) == LEAST


@pytest.mark.parametrize(("mean", "noise"), [(0.0, 1.0), (-1.0, 0.0), (0.1, 5.0)])
def test_biases_that_tell_nothing(mean: float, noise: float) -> None:
    assert mean_read(*_between(folded(mean, noise))) is None


@pytest.mark.parametrize("bias", [0.0, 1.0, np.inf])
def test_biases_that_are_all_the_same(bias: float) -> None:
    assert mean_read(folded(1, 0)[0], 0, np.full(64, bias, np.float32)) is None


def _between(made: tuple[Array, Array]) -> tuple[Array, int, Array]:
    return made[0], 0, made[1]


# In programs


def even_output(kind: str, **constants: Any) -> Array:
    """What a convolution in half precision gives for even input of 1.5, by filter, less what it should give."""
    made = program(node("Conv", " ".join(["x", *constants]), "y"), constants=constants)
    halved(made, kind)
    half, bias = (made.value(name).astype(np.float64) if name in constants else 0.0 for name in ("w", "b"))
    exact = constants["w"].sum((1, 2, 3), np.float64) * 1.5 + constants.get("b", 0.0)
    return np.asarray(half).sum((1, 2, 3)) * 1.5 + bias - exact


@pytest.mark.parametrize("kind", KINDS)
def test_convolutions_keep_what_they_give_for_even_input(kind: str) -> None:
    filters, bias = folded(1.5, 0.2)
    dtype = {"fp16": "float16", "bf16": "bfloat16"}[kind]
    wide = np.repeat(filters, 9, 1) + np.random.default_rng(1).standard_normal((64, 27, 3, 3)).astype(np.float32) / 9
    bias = (0.5 - 1.5 * wide.sum((1, 2, 3))).astype(np.float32)
    near, near_bias = (narrow(a, dtype).astype(np.float64) for a in (wide, bias))
    before = near.sum((1, 2, 3)) * 1.5 + near_bias - (wide.sum((1, 2, 3), np.float64) * 1.5 + bias)
    after = even_output(kind, w=wide, b=bias)
    assert np.linalg.norm(after) < 0.2 * np.linalg.norm(before)
    assert np.linalg.norm(even_output(kind, w=wide)) < 0.2 * np.linalg.norm(before)


@pytest.mark.parametrize(("made", "axis"), [
    (node("Gemm", "x w", "y"), 1), (node("Gemm", "x w", "y", transB=1), 0), (node("MatMul", "x w", "y"), 1),
])  # fmt: skip
def test_matrices_keep_the_sums_of_what_an_output_reads(made: OnnxNode, axis: int) -> None:
    w = np.random.default_rng(0).standard_normal((120, 120)).astype(np.float32)
    half = program(made, constants={"w": w})
    halved(half)
    assert np.array_equal(half.value("w"), balance(w, narrow(w, "float16"), axis))
    assert not np.array_equal(half.value("w"), narrow(w, "float16"))


def test_what_is_no_filter_is_rounded_to_the_nearest() -> None:
    w = np.random.default_rng(0).standard_normal((*SHAPE,)).astype(np.float32)
    made = program(node("Add", "x w", "y"), constants={"w": w})
    halved(made)
    assert np.array_equal(made.value("w"), narrow(w, "float16"))
    read_as_both = program(node("Conv", "x w", "a"), node("Add", "a w", "y"), constants={"w": w})
    halved(read_as_both)
    assert np.array_equal(read_as_both.value("w"), narrow(w, "float16"))


def test_numbers_do_not_depend_on_whether_they_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond some memory weights are converted anew when they are written, after the program has become half."""
    filters, bias = folded(1.5, 0.1)
    found: list[Array] = []
    for room in (1 << 30, 0):
        monkeypatch.setattr("archc.backends.onnx.precision.half.weights.ROOM", room)
        made = program(node("Conv", "x w b", "y"), constants={"w": filters, "b": bias})
        halved(made)
        found.append(made.value("w"))
    assert np.array_equal(*found)
