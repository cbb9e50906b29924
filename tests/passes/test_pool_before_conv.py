"""`pool-before-conv`: where it swaps, where it must not, and that outputs stay equal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archc.backends.onnx.program import Program
from tests.passes.nets import Net, rewritten, types_of

PASS = "pool-before-conv"


def transition(*, conv: dict[str, Any] | None = None, size: tuple[int, int] = (8, 6), **pool: Any) -> Program:
    net = Net(6, *size)
    y = net.node("Relu", "relu", "x")
    y = net.conv("conv", y, 4, **{"kernel": 1, "of": 6, **(conv or {})})
    net.node("AveragePool", "pool", y, **{"kernel_shape": [2, 2], "strides": [2, 2], **pool})
    return net.program("pool")


def test_a_transition_convolves_a_quarter() -> None:
    after, (change,) = rewritten(PASS, transition)
    assert types_of(after) == ["Relu", "AveragePool", "Conv"]
    pool, conv = after.nodes[1:]
    assert (pool.layer, conv.layer, change.layer) == ("pool", "conv", "conv")
    assert after.shape(conv.inputs[0]) == ("N", 6, 4, 3)
    assert conv.outputs == ["pool"]
    assert "conv" not in after.types  # the tensor is gone, and its name with it


@pytest.mark.parametrize(
    ("conv", "pool"),
    [
        ({"kernel": 3, "pad": 1}, {}),
        ({"stride": 2}, {}),
        ({"pad": 1}, {}),
        ({}, {"kernel_shape": [3, 3], "strides": [1, 1], "pads": [1] * 4}),  # as many pixels as before
        ({}, {"kernel_shape": [3, 3], "pads": [1] * 4, "count_include_pad": 1}),  # and a bias, less at the border
        ({}, {"kernel_shape": [3, 3], "ceil_mode": 1, "count_include_pad": 1}),
    ],
)
def test_what_stays(conv: dict[str, Any], pool: dict[str, Any]) -> None:
    after, changes = rewritten(PASS, lambda: transition(conv=conv, **pool))
    assert not changes
    assert types_of(after) == ["Relu", "Conv", "AveragePool"]


@pytest.mark.parametrize(
    ("conv", "pool"),
    [
        ({"group": 2}, {}),
        ({}, {"kernel_shape": [3, 3], "pads": [1] * 4, "count_include_pad": 0}),
        ({"bias": False}, {"kernel_shape": [3, 3], "pads": [1] * 4, "count_include_pad": 1}),
        ({}, {"kernel_shape": [3, 2], "strides": [1, 2]}),
        ({}, {"kernel_shape": [3, 3], "ceil_mode": 1}),
    ],
)
def test_what_is_swapped(conv: dict[str, Any], pool: dict[str, Any]) -> None:
    after, _ = rewritten(PASS, lambda: transition(conv=conv, **pool))
    assert types_of(after) == ["Relu", "AveragePool", "Conv"]


def test_a_global_pool() -> None:
    def build() -> Program:
        net = Net(6, 5, 7)
        net.node("GlobalAveragePool", "pool", net.conv("conv", "x", 4, 1, of=6))
        return net.program("pool")

    after, _ = rewritten(PASS, build)
    assert types_of(after) == ["GlobalAveragePool", "Conv"]


@pytest.mark.parametrize("outputs", [("pool", "conv"), ("pool", "other")])
def test_a_convolution_that_others_read_stays(outputs: tuple[str, ...]) -> None:
    def build() -> Program:
        net = Net(6, 8, 8)
        y = net.conv("conv", "x", 4, 1, of=6)
        net.node("Sigmoid", "other", y)
        net.node("AveragePool", "pool", y, kernel_shape=[2, 2], strides=[2, 2])
        return net.program(*outputs)

    after, changes = rewritten(PASS, build)
    assert not changes
    assert "AveragePool" in types_of(after)


@given(
    size=st.tuples(st.integers(5, 9), st.integers(5, 9)),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    pads=st.lists(st.integers(0, 2), min_size=4, max_size=4),
    counted=st.booleans(),
    ceil=st.booleans(),
    bias=st.booleans(),
    group=st.sampled_from([1, 2]),
)
@settings(max_examples=40, deadline=None)
def test_whatever_the_windows_outputs_stay_equal(
    size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int], pads: list[int], counted: bool, ceil: bool,
    bias: bool, group: int,
) -> None:  # fmt: skip
    pads = [min(p, k - 1) for p, k in zip(pads, (*kernel, *kernel), strict=True)]
    pool = {"kernel_shape": list(kernel), "strides": list(stride), "pads": pads}
    modes = {"count_include_pad": int(counted), "ceil_mode": int(ceil)}
    after, changes = rewritten(
        PASS, lambda: transition(conv={"bias": bias, "group": group}, size=size, **pool, **modes)
    )
    assert (types_of(after)[1:] == ["AveragePool", "Conv"]) == bool(changes)
