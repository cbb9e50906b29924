"""`flatten-concats`: concats go into one another where nothing else reads them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archc.backends.onnx.program import Program
from tests.passes.nets import Net, feeds_of, rewritten, run, types_of

PASS = "flatten-concats"


def nested(inner_axis: int = 1, outer_axis: int = 1, outputs: tuple[str, ...] = ("y",)) -> Program:
    net = Net(3, 4, 4)
    parts = [net.node(op, op, "x") for op in ("Relu", "Sigmoid", "Tanh")]
    inner = net.node("Concat", "inner", *parts[:2], axis=inner_axis)
    last = net.conv("conv", parts[2], 6 if inner_axis == 1 else 3, 1, of=3)
    if inner_axis in (2, -2):
        last = net.node("Concat", "tall", parts[2], parts[2], axis=2)
    net.node("Concat", "y", last, inner, axis=outer_axis)
    return net.program(*outputs)


@pytest.mark.parametrize("axes", [(1, 1), (1, -3), (2, -2), (-2, 2)])
def test_they_become_one(axes: tuple[int, int]) -> None:
    after, changes = rewritten(PASS, lambda: nested(*axes), tolerance=0)
    assert types_of(after).count("Concat") == 1
    assert after.producer("y").inputs[-2:] == ["Relu", "Sigmoid"]  # pyright: ignore
    assert [c.layer for c in changes] == ["y"]


def test_another_axis_stays() -> None:
    after, changes = rewritten(PASS, lambda: nested(1, 2))
    assert types_of(after).count("Concat") == 2
    assert not changes


def test_a_concat_that_is_an_output_stays() -> None:
    _, changes = rewritten(PASS, lambda: nested(outputs=("y", "inner")))
    assert not changes


def test_a_concat_with_two_readers_stays() -> None:
    def build() -> Program:
        net = Net(3, 4, 4)
        inner = net.node("Concat", "inner", net.node("Relu", "relu", "x"), "x", axis=1)
        net.node("Concat", "y", inner, "x", axis=1)
        net.node("Sigmoid", "z", inner)
        return net.program("y", "z")

    _, changes = rewritten(PASS, build)
    assert not changes


def test_a_concat_that_is_read_twice_by_one_stays() -> None:
    def build() -> Program:
        net = Net(3, 4, 4)
        inner = net.node("Concat", "inner", net.node("Relu", "relu", "x"), "x", axis=1)
        return net.program(net.node("Concat", "y", inner, inner, axis=1))

    _, changes = rewritten(PASS, build)
    assert not changes


@given(st.recursive(st.just(0), lambda below: st.lists(below, min_size=1, max_size=3), max_leaves=8))
@settings(max_examples=30, deadline=None)
def test_trees_of_concats_become_one(tree: list[object] | int) -> None:
    def build() -> Program:
        net = Net(2, 3, 3)

        def grow(branch: list[object] | int, name: str) -> str:
            if isinstance(branch, int):
                return net.node("LeakyRelu", name, "x", alpha=float(len(net.nodes) + 2))
            return net.node("Concat", name, *[grow(b, f"{name}{i}") for i, b in enumerate(branch)], axis=1)

        return net.program(net.node("Identity", "y", grow(tree, "t")))

    after, _ = rewritten(PASS, build, tolerance=0)
    assert types_of(after).count("Concat") == int(isinstance(tree, list))
    before = build()
    feeds = feeds_of(before, 2)
    np.testing.assert_array_equal(run(after, feeds)["y"], run(before, feeds)["y"])
