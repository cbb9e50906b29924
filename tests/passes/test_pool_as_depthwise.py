"""`pool-as-depthwise`: pools that always divide by one number become convolutions, all others stay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archc.backends.onnx.program import Program
from tests.passes.nets import Net, rewritten, types_of

PASS = "pool-as-depthwise"


def pooled(size: tuple[int, int] = (7, 6), **pool: Any) -> Program:
    """The pool reads what others read, and is an output besides."""
    net = Net(5, *size)
    y = net.node("Relu", "relu", "x")
    net.node("AveragePool", "pool", y, **{"kernel_shape": [3, 2], "strides": [2, 1], **pool})
    net.node("Sigmoid", "y", "pool")
    net.node("Tanh", "z", y)
    return net.program("y", "z", "pool")


@pytest.mark.parametrize("pool", [{}, {"count_include_pad": 1}, {"count_include_pad": 1, "pads": [1, 1, 2, 0]}])
def test_a_pool_becomes_a_convolution_of_equal_weights(pool: dict[str, Any]) -> None:
    after, (change,) = rewritten(PASS, lambda: pooled(**pool))
    conv = after.producer("pool")
    assert conv is not None
    assert (conv.op_type, conv.name, conv.attributes["group"], change.layer) == ("Conv", "pool", 5, "pool")
    np.testing.assert_array_equal(after.value("pool.mean"), np.full((5, 1, 3, 2), np.float32(1 / 6)))


@pytest.mark.parametrize(
    "pool",
    [{"pads": [1, 1, 1, 1]}, {"ceil_mode": 1}, {"ceil_mode": 1, "count_include_pad": 1}, {"auto_pad": "SAME_UPPER"}],
)
def test_a_pool_that_divides_by_less_at_the_border_stays(pool: dict[str, Any]) -> None:
    after, changes = rewritten(PASS, lambda: pooled(**pool))
    assert not changes
    assert "Conv" not in types_of(after)


@pytest.mark.parametrize("op", ["MaxPool", "GlobalAveragePool"])
def test_other_pools_stay(op: str) -> None:
    def build() -> Program:
        net = Net(3, 4, 4)
        return net.program(net.node(op, "pool", "x", **({"kernel_shape": [2, 2]} if op == "MaxPool" else {})))

    _, changes = rewritten(PASS, build)
    assert not changes


def test_a_pool_over_a_sequence_stays() -> None:
    def build() -> Program:
        net = Net(3, 8)
        return net.program(net.node("AveragePool", "pool", "x", kernel_shape=[2]))

    _, changes = rewritten(PASS, build)
    assert not changes


@given(
    size=st.tuples(st.integers(4, 8), st.integers(4, 8)),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    pads=st.lists(st.integers(0, 2), min_size=4, max_size=4),
    counted=st.booleans(),
)
@settings(max_examples=30, deadline=None)
def test_whatever_the_windows_outputs_stay_equal(
    size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int], pads: list[int], counted: bool
) -> None:
    pads = [min(p, k - 1) for p, k in zip(pads, (*kernel, *kernel), strict=True)]
    window = {"kernel_shape": list(kernel), "strides": list(stride), "pads": pads, "count_include_pad": int(counted)}
    _, changes = rewritten(PASS, lambda: pooled(size, **window))
    assert bool(changes) == (counted or not any(pads))
