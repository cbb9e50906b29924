"""Each op in integers against its arithmetic, written out in numpy; by onnxruntime's kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archc.backends.onnx.precision.int8.numbers import WEIGHT_LIMIT, Quantizer, quantize_bias, quantize_weight
from archc.backends.onnx.precision.int8.numbers import weight_scales as scales_of
from archc.backends.onnx.precision.int8.ranges import Range
from archc.backends.onnx.program import Program
from tests.passes.nets import Array, Net, run
from tests.precision.integers import kernels, rounded

ENDS = st.tuples(st.floats(-4, 0), st.floats(0.05, 4))
SEEDS = st.integers(0, 2**16)
Ranges = dict[str, tuple[float, float]]
quick = settings(max_examples=20, deadline=None)


def q(ends: Sequence[float]) -> Quantizer:
    return Quantizer.of(Range(*ends))


def values(shape: Sequence[int], ends: Sequence[float], seed: int) -> Array:
    """Numbers in the range and some beyond."""
    low, high = ends
    margin = 0.1 * (high - low)
    return np.random.default_rng(seed).uniform(low - margin, high + margin, shape).astype(np.float32)


def is_nearest(found: Array, exact: Array, quantizer: Quantizer) -> None:
    """What was found is the step nearest to the exact number; either of two, where that lies between them in fp32."""
    low, high = quantizer.dequantize(np.array([0, 255], np.uint8)).astype(np.float64)
    np.testing.assert_array_equal(quantizer.dequantize(quantizer.quantize(found)), found)
    assert np.abs(found - np.clip(exact, low, high)).max() <= 0.501 * float(quantizer.scale)


def product(x: Array, weight: Array, bias: Array, quantizer: Quantizer) -> Array:
    """Σ (q_x − z_x) q_w + q_b, exact, in units of s_x s_w: rows of x and of weight."""
    scales = scales_of(weight, 0)
    units = (quantizer.scale * scales).astype(np.float32)
    sums = (quantizer.quantize(x).astype(np.int64) - quantizer.zero_point) @ quantize_weight(
        weight, scales, 0, WEIGHT_LIMIT
    ).astype(np.int64).T + quantize_bias(bias, units)
    return sums * units.astype(np.float64)


def conv_net(seed: int, activation: str | None = None) -> Net:
    """Two convolutions: the first one's result is rounded for the second."""
    net = Net(3, 4, 5, seed=seed)
    y = net.conv("conv", "x", 8, 1, of=3)
    if activation == "Relu":
        y = net.node("Relu", "act", y)
    elif activation == "Clip":
        y = net.node("Clip", "act", y, net.weight("low", np.float32(0)), net.weight("high", np.float32(2)))
    net.conv("after", y, 4, 1, of=8)
    return net


@pytest.mark.parametrize("activation", [None, "Relu", "Clip"])
@given(inner=ENDS, given=ENDS, seed=SEEDS)
@quick
def test_convolution(activation: str | None, inner: tuple[float, float], given: tuple[float, float], seed: int) -> None:
    inner = inner if activation is None else (0.0, min(inner[1], 2.0 if activation == "Clip" else 9.0))
    name = "act" if activation else "conv"
    net = conv_net(seed, activation)
    program = rounded(net.program(name, "after"), {"x": given, name: inner, "after": (-9.0, 9.0)})
    assert not program.of_type("Relu", "Clip"), "it vanishes in the rounding"
    x = values((2, 3, 4, 5), given, seed)
    flat = np.moveaxis(x, 1, -1).reshape(-1, 3)
    weight, bias = net.weights["conv.weight"].reshape(8, 3), net.weights["conv.bias"]
    exact = np.moveaxis(product(flat, weight, bias, q(given)).reshape(2, 4, 5, 8), -1, 1)
    is_nearest(run(program, {"x": x}, optimised=True)[name], exact, q(inner))


@given(given=ENDS, seed=SEEDS)
@quick
def test_linear_gives_its_sums_unrounded(given: tuple[float, float], seed: int) -> None:
    net = Net(6, seed=seed)
    weight, bias = net.rng.normal(size=(5, 6)), net.rng.normal(size=5)
    net.node("Gemm", "fc", "x", net.weight("w", weight), net.weight("b", bias), transB=1)
    program = rounded(net.program("fc"), {"x": given})
    x = values((3, 6), given, seed)
    found = run(program, {"x": x}, optimised=True)["fc"]
    wanted = product(x, net.weights["w"], net.weights["b"], q(given))
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max())


def joined(op: str, **attributes: int) -> Program:
    net = Net(3, 4, 4)
    a, b = net.conv("a", "x", 4, 1, of=3), net.conv("b", "x", 4, 1, of=3)
    channels = 8 if op == "Concat" else 4
    net.conv("after", net.node(op, "join", a, b, **attributes), 2, 1, of=channels)
    return net.program("a", "b", "join", "after")


JOINS = {
    "Add": (lambda a, b: a + b, {}),
    "Mul": (lambda a, b: a * b, {}),
    "Concat": (lambda a, b: np.concatenate([a, b], 1), {"axis": 1}),
}


@pytest.mark.parametrize("op", JOINS)
@given(ends=st.tuples(ENDS, ENDS, ENDS), seed=SEEDS)
@quick
def test_joins(op: str, ends: Sequence[tuple[float, float]], seed: int) -> None:
    compute, attributes = JOINS[op]
    a, b, join = ends
    program = rounded(joined(op, **attributes), {"x": (-2, 2), "a": a, "b": b, "join": join, "after": (-9, 9)})
    found = run(program, {"x": values((1, 3, 4, 4), (-2, 2), seed)}, optimised=True)
    exact = compute(np.float64(found["a"]), np.float64(found["b"]))
    is_nearest(found["join"], exact, q(join))


def averages(x: Array) -> Array:
    return np.float64(x).reshape(1, 4, 2, 2, 2, 2).mean((3, 5))


ONE: Mapping[str, tuple[object, dict[str, object]]] = {
    "GlobalAveragePool": (lambda x: np.float64(x).mean((2, 3), keepdims=True), {}),
    "AveragePool": (averages, {"kernel_shape": [2, 2], "strides": [2, 2]}),
    "Sigmoid": (lambda x: 1 / (1 + np.exp(-np.float64(x))), {}),
    "LeakyRelu": (lambda x: np.where(x > 0, x, 0.25 * np.float64(x)), {"alpha": 0.25}),
}


@pytest.mark.parametrize("op", ONE)
@given(ends=st.tuples(ENDS, ENDS), seed=SEEDS)
@quick
def test_of_one_input(op: str, ends: Sequence[tuple[float, float]], seed: int) -> None:
    compute, attributes = ONE[op]
    net = Net(3, 4, 4)
    net.conv("after", net.node(op, "y", net.conv("a", "x", 4, 1, of=3), **attributes), 2, 1, of=4)
    program = rounded(net.program("a", "y", "after"), {"x": (-2, 2), "a": ends[0], "y": ends[1], "after": (-9, 9)})
    found = run(program, {"x": values((1, 3, 4, 4), (-2, 2), seed)}, optimised=True)
    exact = compute(found["a"])  # pyright: ignore
    is_nearest(found["y"], exact, q(ends[1]))


MOVES: Mapping[str, dict[str, object]] = {
    "MaxPool": {"kernel_shape": [2, 2], "strides": [2, 2]},
    "Transpose": {"perm": [0, 1, 3, 2]},
    "DepthToSpace": {"blocksize": 2},
}


@pytest.mark.parametrize("op", MOVES)
def test_what_only_moves_numbers_changes_none(op: str) -> None:
    net = Net(3, 4, 4)
    y = net.node(op, "y", net.conv("a", "x", 4, 1, of=3), **MOVES[op])
    net.conv("after", y, 2, 1, of=1 if op == "DepthToSpace" else 4)
    program = rounded(net.program("a", "y", "after"), {"x": (-2, 2), "a": (-1, 2), "after": (-9, 9)})
    found = run(program, {"x": values((1, 3, 4, 4), (-2, 2), 0)}, optimised=True)
    alone = Net(4, 4, 4)
    alone.node(op, "y", "x", **MOVES[op])
    np.testing.assert_array_equal(found["y"], run(alone.program("y"), {"x": found["a"]})["y"])


def test_weights_of_7_bits() -> None:
    net = conv_net(0)
    program = rounded(net.program("after"), {"x": (-2, 2), "conv": (-2, 2), "after": (-9, 9)}, limit=64)
    weights = [program.value(i.name) for i in program.initializers.values() if i.dtype == "int8" and len(i.shape) > 1]
    assert [int(np.abs(w.astype(int)).max()) for w in weights] == [64, 64]


def test_onnxruntime_takes_its_integer_kernels() -> None:
    program = rounded(joined("Add"), {"x": (-2, 2), "a": (-2, 2), "b": (-2, 2), "join": (-3, 3), "after": (-9, 9)})
    found = kernels(program)
    assert (found["QLinearConv"], found["QLinearAdd"], found["Conv"], found["Add"]) == (3, 1, 0, 0)


@pytest.mark.parametrize(("alpha", "beta"), [(1 / 6, 0.5), (0.2, 0.5), (0.3, 0.0), (0.25, -0.25)])
@given(ends=ENDS, seed=SEEDS)
@quick
def test_a_hard_sigmoid_is_a_sum(alpha: float, beta: float, ends: tuple[float, float], seed: int) -> None:
    net = Net(3, 4, 4)
    y = net.node("HardSigmoid", "y", net.conv("a", "x", 4, 1, of=3), alpha=alpha, beta=beta)
    net.conv("after", y, 2, 1, of=4)
    program = rounded(net.program("a", "y", "after"), {"x": (-2, 2), "a": ends, "y": (0, 1), "after": (-9, 9)})
    assert kernels(program)["QLinearAdd"] == 1
    found = run(program, {"x": values((1, 3, 4, 4), (-2, 2), seed)}, optimised=True)
    is_nearest(found["y"], alpha * np.float64(found["a"]) + beta, q((0, 1)))
