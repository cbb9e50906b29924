"""`norm-as-depthwise`: batch norms over maps become convolutions, all others stay."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archc.backends.onnx.passes.contracts import no_norm_of_maps
from archc.backends.onnx.program import Program
from tests.passes.nets import Net, rewritten, types_of

PASS = "norm-as-depthwise"


def before_a_convolution() -> Program:
    """The norm reads what others read as well, and is an output besides."""
    net = Net(5, 6, 4)
    y = net.norm("norm", net.node("Relu", "relu", "x"), 5, scale=[1.5, -0.7, 0.0, 1e-6, 3])
    z = net.conv("conv", y, 5, 3, of=5, pad=1)
    net.node("Add", "sum", z, "relu")
    return net.program("sum", "norm")


def test_a_norm_becomes_a_convolution_with_a_group_a_channel() -> None:
    after, (change,) = rewritten(PASS, before_a_convolution)
    assert types_of(after) == ["Relu", "Conv", "Conv", "Add"]
    norm = after.nodes[1]
    assert (norm.name, norm.outputs, norm.attributes["group"], change.layer) == ("norm", ["norm"], 5, "norm")
    assert sorted(after.initializers) == ["conv.bias", "conv.weight", "norm.scale", "norm.shift"]


def test_numbers_are_worked_out_in_float64() -> None:
    after, _ = rewritten(PASS, before_a_convolution)
    before = before_a_convolution()
    weight, bias, mean, variance = (before.value(name).astype(np.float64) for name in before.nodes[1].inputs[1:])
    scale = weight / np.sqrt(variance + 1e-3)
    np.testing.assert_array_equal(after.value("norm.scale").ravel(), np.float32(scale))
    np.testing.assert_array_equal(after.value("norm.shift"), np.float32(bias - mean * scale))


@pytest.mark.parametrize("shape", [(4,), (4, 7)])
def test_a_norm_over_features_or_a_sequence_stays(shape: tuple[int, ...]) -> None:
    def build() -> Program:
        net = Net(*shape)
        return net.program(net.norm("norm", "x", 4))

    after, changes = rewritten(PASS, build)
    assert types_of(after) == ["BatchNormalization"]
    assert not changes


def test_the_contract_names_what_is_left() -> None:
    assert no_norm_of_maps(before_a_convolution()) == ["`norm` is a batch norm"]


@given(st.integers(1, 9), st.integers(1, 5), st.integers(1, 5), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_of_any_size(channels: int, height: int, width: int, seed: int) -> None:
    def build() -> Program:
        net = Net(channels, height, width, seed=seed)
        scale = net.rng.normal(size=channels)
        return net.program(net.norm("norm", "x", channels, scale=scale))

    after, _ = rewritten(PASS, build)
    assert types_of(after) == ["Conv"]
