"""`conv-before-pool`: where channels become fewer, padding counted or not, and that outputs stay equal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archc.backends.onnx.program import Program
from tests.passes.nets import Net, rewritten, types_of

PASS = "conv-before-pool"
BEFORE, AFTER = ["AveragePool", "Conv", "Relu"], ["Conv", "AveragePool", "Relu"]


def branch(
    channels: int = 3, *, size: tuple[int, int] = (6, 5), outputs: tuple[str, ...] = ("relu",),
    conv: dict[str, Any] | None = None, pool_type: str = "AveragePool", **pool: Any,
) -> Program:  # fmt: skip
    net = Net(6, *size)
    window = {"kernel_shape": [3, 3], "strides": [1, 1], "pads": [1] * 4, **pool}
    y = net.node(pool_type, "pool", "x", **window)
    y = net.conv("conv", y, channels, **{"kernel": 1, "of": 6, **(conv or {})})
    net.node("Relu", "relu", y)
    return net.program(*outputs)


@pytest.mark.parametrize("counted", [0, 1])
@pytest.mark.parametrize("bias", [True, False])
def test_an_inception_branch_pools_fewer_channels(counted: int, bias: bool) -> None:
    after, (change,) = rewritten(PASS, lambda: branch(count_include_pad=counted, conv={"bias": bias}))
    assert types_of(after) == AFTER
    conv, pool = after.nodes[:2]
    assert (conv.outputs, pool.outputs, change.layer) == (["conv.Conv"], ["conv"], "pool")
    assert "pool" not in after.types
    inner = [8, 7] if counted and bias else [6, 5]
    assert after.shape("conv.Conv") == ("N", 3, *inner)


@pytest.mark.parametrize(
    "options",
    [
        {"channels": 6},
        {"channels": 8},
        {"conv": {"kernel": 3, "pad": 1}},
        {"conv": {"stride": 2}},
        {"strides": [2, 2]},
        {"pads": [0] * 4},
        {"outputs": ("relu", "pool")},
        {"pool_type": "MaxPool"},  # isn't linear
        {"strides": [1, 1], "ceil_mode": 1, "count_include_pad": 1},
    ],
)
def test_what_stays(options: dict[str, Any]) -> None:
    after, changes = rewritten(PASS, lambda: branch(**options))
    assert not changes
    assert types_of(after)[1:] == BEFORE[1:]


def test_a_pool_that_others_read_stays() -> None:
    def build() -> Program:
        net = Net(6, 4, 4)
        y = net.node("AveragePool", "pool", "x", kernel_shape=[3, 3], pads=[1] * 4)
        net.conv("a", y, 2, 1, of=6)
        net.conv("b", y, 2, 1, of=6)
        return net.program("a", "b")

    _, changes = rewritten(PASS, build)
    assert not changes


@given(
    size=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    before=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    after=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    counted=st.booleans(),
    bias=st.booleans(),
    group=st.sampled_from([1, 3]),
)
@settings(max_examples=40, deadline=None)
def test_whatever_the_padding_outputs_stay_equal(
    size: tuple[int, int], before: tuple[int, int], after: tuple[int, int], counted: bool, bias: bool, group: int
) -> None:
    kernel = [a + b + 1 for a, b in zip(before, after, strict=True)]
    pool = {"kernel_shape": kernel, "pads": [*before, *after], "count_include_pad": int(counted)}
    made, _ = rewritten(PASS, lambda: branch(size=size, conv={"bias": bias, "group": group}, **pool))
    assert types_of(made) == AFTER
