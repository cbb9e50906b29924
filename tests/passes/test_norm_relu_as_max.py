"""`norm-relu-as-max`: only positive scales, only before convolutions without padding, and outputs stay equal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archc.backends.onnx.passes.norm_relu_as_max import LARGEST_THRESHOLD
from archc.backends.onnx.program import Program
from tests.passes.nets import Net, rewritten, types_of

PASS = "norm-relu-as-max"
BEFORE = ["Sigmoid", "BatchNormalization", "Relu", "Conv"]
AFTER = ["Sigmoid", "Max", "Conv"]


def dense(
    scale: Sequence[float] | None = None, outputs: Sequence[str] = ("conv",), *, norm: dict[str, Any] | None = None,
    seed: int = 0, size: tuple[int, int] = (6, 5), **conv: Any,
) -> Program:  # fmt: skip
    net = Net(4, *size, seed=seed)
    y = net.node("Sigmoid", "before", "x")
    y = net.node("Relu", "relu", net.norm("norm", y, 4, scale, **(norm or {})))
    net.conv("conv", y, 6, **{"kernel": 1, "of": 4, **conv})
    return net.program(*outputs)


@pytest.mark.parametrize(
    "conv",
    [{}, {"bias": False}, {"kernel": 3}, {"stride": 2}, {"group": 2}, {"kernel": 2, "group": 2, "bias": False}],
)
def test_a_norm_becomes_a_max(conv: dict[str, Any]) -> None:
    after, (change,) = rewritten(PASS, lambda: dense(**conv))
    assert types_of(after) == AFTER
    assert change.layer == "norm"
    clipped = after.nodes[1]
    assert clipped.outputs == ["relu.Max"]  # it isn't the ReLU's output, and isn't called so
    assert clipped.layer == "relu"
    assert not {"norm", "relu"} & after.types.keys()
    assert after.shape("relu.Max") == ("N", 4, 6, 5)


def test_channels_with_a_scale_of_zero_are_constant() -> None:
    after, _ = rewritten(PASS, lambda: dense(scale=[1, 0, 2, 0], norm={"bias": [0.3, 0.8, -0.2, -0.8]}))
    assert types_of(after) == AFTER


@pytest.mark.parametrize(
    "options",
    [
        {"scale": [1, 1, -0.1, 1]},
        {"scale": [1, 1, 1e-9, 1]},  # a threshold that fp16 doesn't reach
        {"norm": {"running_mean": [0, 2 * LARGEST_THRESHOLD, 0, 0]}},
        {"kernel": 3, "pad": 1},
        {"outputs": ("conv", "relu")},
        {"outputs": ("conv", "norm")},
    ],
)
def test_what_stays(options: dict[str, Any]) -> None:
    after, changes = rewritten(PASS, lambda: dense(**options))
    assert not changes
    assert types_of(after) == BEFORE


def test_numbers_that_are_none_stay() -> None:
    program = dense(scale=[1, float("nan"), 1, 1])
    from archc.backends.onnx.passes.norm_relu_as_max import rewrite

    assert not rewrite.run(program)


@pytest.mark.parametrize("other", ["Conv", "Add", "padded", "weight"])
def test_all_readers_must_take_the_numbers_in(other: str) -> None:
    def build() -> Program:
        net = Net(4, 4, 4)
        y = net.node("Relu", "relu", net.norm("norm", "x", 4))
        net.conv("conv", y, 3, 1, of=4)
        if other == "Add":
            net.node("Add", "other", y, "x")
        elif other == "weight":  # the map is the weight of a convolution, so no channels of it are known
            net.weight("image", net.rng.normal(size=(1, 4, 9, 9)))
            net.node("Conv", "other", "image", y, kernel_shape=[4, 4])
        else:
            net.conv("other", y, 2, 3, of=4, pad=int(other == "padded"))
        return net.program("conv", "other")

    if other == "weight":
        program = build()
        from archc.backends.onnx.passes.norm_relu_as_max import rewrite

        assert not rewrite.run(program)
        return
    _, changes = rewritten(PASS, build)
    assert len(changes) == (other == "Conv")


def test_a_weight_that_two_convolutions_share_is_scaled_for_one() -> None:
    def build() -> Program:
        net = Net(4, 4, 4)
        y = net.node("Relu", "relu", net.norm("norm", "x", 4))
        net.conv("conv", y, 3, 1, of=4)
        net.node("Conv", "other", "x", "conv.weight", "conv.bias", kernel_shape=[1, 1])
        return net.program("conv", "other")

    after, _ = rewritten(PASS, build)
    assert sorted(types_of(after)) == ["Conv", "Conv", "Max"]


def test_a_norm_that_two_relus_read_stays() -> None:
    def build() -> Program:
        net = Net(4, 4, 4)
        y = net.norm("norm", "x", 4)
        for i in (1, 2):
            net.conv(f"conv{i}", net.node("Relu", f"relu{i}", y), 3, 1, of=4)
        return net.program("conv1", "conv2")

    _, changes = rewritten(PASS, build)
    assert not changes


@given(
    seed=st.integers(0, 1000),
    zeros=st.lists(st.booleans(), min_size=4, max_size=4),
    negative=st.lists(st.booleans(), min_size=4, max_size=4),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 2),
    group=st.sampled_from([1, 2]),
    bias=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_whatever_the_numbers_outputs_stay_equal(
    seed: int, zeros: list[bool], negative: list[bool], kernel: int, stride: int, group: int, bias: bool
) -> None:
    scale = [
        0.0 if z else (-1.0 if n else 1.0) * (0.2 + i) for i, (z, n) in enumerate(zip(zeros, negative, strict=True))
    ]
    _, changes = rewritten(PASS, lambda: dense(scale, seed=seed, kernel=kernel, stride=stride, group=group, bias=bias))
    assert bool(changes) == (min(scale) >= 0)
