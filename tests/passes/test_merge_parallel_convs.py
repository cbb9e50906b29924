"""`merge-parallel-convs`: which convolutions become one, and that each part of it is what it was."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archc.backends.onnx.profiles import PROFILES
from archc.backends.onnx.program import Program
from tests.passes.nets import Net, rewritten, types_of

PASS = "merge-parallel-convs"


def inception(**second: Any) -> Program:
    net = Net(6, 5, 4)
    y = net.node("Sigmoid", "before", "x")
    a = net.node("Relu", "relu_a", net.conv("a", y, 3, 1, of=6))
    b = net.node("Relu", "relu_b", net.conv("b", y, **{"channels": 4, "kernel": 1, "of": 6, **second}))
    b = net.conv("b2", b, 2, 3, of=4, pad=1)
    c = net.node("Relu", "relu_c", net.conv("c", "x", 2, 1, of=6))
    return net.program(a, b, c)


def test_branches_become_one_with_one_relu() -> None:
    after, (change,) = rewritten(PASS, inception)
    assert types_of(after).count("Conv") == 3
    assert types_of(after).count("Relu") == 2
    split = after.of_type("Split")[0]
    assert split.outputs == ["relu_a", "relu_b"]
    assert (change.layer, change.what) == ("a", "one convolution with b")
    assert after.shape("a.Conv") == after.shape("relu_a.Relu") == ("N", 7, 5, 4)


@pytest.mark.parametrize("second", [{"kernel": 3, "pad": 1}, {"group": 2}, {"pad": 1}])
def test_another_convolution_stays(second: dict[str, Any]) -> None:
    after, changes = rewritten(PASS, lambda: inception(**second))
    assert not changes
    assert "Split" not in types_of(after)


@pytest.mark.parametrize("outputs", [("a", "b"), ("relu", "b")])
def test_with_and_without_a_relu_and_a_bias(outputs: tuple[str, ...]) -> None:
    def build() -> Program:
        net = Net(4, 3, 3)
        y = net.conv("a", "x", 2, 1, of=4)
        net.conv("b", "x", 3, 1, of=4, bias=False)
        net.node("Relu", "relu", y)
        return net.program(*outputs)

    after, (_,) = rewritten(PASS, build)
    assert set(after.of_type("Split")[0].outputs) == {"a", "b"}


def test_no_profile_has_it() -> None:
    """It is only worth having where it is measured to help, and on a CPU it costs."""
    assert not [name for name, profile in PROFILES.items() if PASS in profile.passes]


@given(sizes=st.lists(st.integers(1, 5), min_size=2, max_size=5), biases=st.integers(0, 31), relu=st.booleans())
@settings(max_examples=25, deadline=None)
def test_of_any_number_and_size(sizes: list[int], biases: int, relu: bool) -> None:
    def build() -> Program:
        net = Net(3, 2, 5)
        made = [net.conv(f"c{i}", "x", n, 1, of=3, bias=bool(biases >> i & 1)) for i, n in enumerate(sizes)]
        return net.program(*[net.node("Relu", f"r{i}", y) if relu else y for i, y in enumerate(made)])

    after, changes = rewritten(PASS, build)
    assert len(changes) == 1
    assert sorted(types_of(after)) == (["Conv", "Relu", "Split"] if relu else ["Conv", "Split"])
