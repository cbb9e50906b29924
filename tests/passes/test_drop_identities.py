"""`drop-identities`: what does nothing goes, what does something stays."""

from __future__ import annotations

from typing import Any

import onnx
import pytest

from archc.backends.onnx.program import Program
from tests.passes.nets import Net, rewritten, types_of

PASS = "drop-identities"
FLOAT, DOUBLE = onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE


def between(op_type: str, constants: dict[str, tuple[Any, str]], attributes: dict[str, Any]) -> Program:
    """relu → op → sigmoid."""
    net = Net(4, 6, 5)
    more = [net.weight(name, value, dtype) for name, (value, dtype) in constants.items()]
    y = net.node(op_type, "op", net.node("Relu", "relu", "x"), *more, **attributes)
    return net.program(net.node("Sigmoid", "y", y))


NOTHING: list[tuple[str, dict[str, tuple[Any, str]], dict[str, Any]]] = [
    ("Identity", {}, {}),
    ("Dropout", {}, {}),
    ("Dropout", {"ratio": (0.3, "float32")}, {}),
    ("Concat", {}, {"axis": 1}),
    ("Sum", {}, {}),
    ("Max", {}, {}),
    ("MaxPool", {}, {"kernel_shape": [1, 1]}),
    ("MaxPool", {}, {"kernel_shape": [1, 1], "strides": [1, 1], "dilations": [2, 2]}),
    ("AveragePool", {}, {"kernel_shape": [1, 1], "strides": [1, 1], "count_include_pad": 1}),
    ("Cast", {}, {"to": FLOAT}),
    ("Transpose", {}, {"perm": [0, 1, 2, 3]}),
    ("Reshape", {"shape": ([0, 4, 6, 5], "int64")}, {}),
    ("Pad", {"pads": ([0] * 8, "int64")}, {}),
]
SOMETHING: list[tuple[str, dict[str, tuple[Any, str]], dict[str, Any]]] = [
    ("MaxPool", {}, {"kernel_shape": [1, 1], "strides": [2, 1]}),
    ("MaxPool", {}, {"kernel_shape": [2, 1]}),
    ("Cast", {}, {"to": DOUBLE}),
    ("Transpose", {}, {"perm": [0, 1, 3, 2]}),
    ("Transpose", {}, {}),
    ("Reshape", {"shape": ([0, 4, 5, 6], "int64")}, {}),
    ("Flatten", {}, {}),
    ("Pad", {"pads": ([0, 0, 0, 1, 0, 0, 0, 0], "int64")}, {}),
    ("Sum", {"one": (1.0, "float32")}, {}),
]


@pytest.mark.parametrize(("op", "constants", "attributes"), NOTHING)
def test_what_does_nothing_goes(op: str, constants: dict[str, Any], attributes: dict[str, Any]) -> None:
    after, (change,) = rewritten(PASS, lambda: between(op, constants, attributes))
    assert types_of(after) == ["Relu", "Sigmoid"]
    assert (change.layer, change.what) == ("op", f"without {op}")
    assert not after.initializers


@pytest.mark.parametrize(("op", "constants", "attributes"), SOMETHING)
def test_what_does_something_stays(op: str, constants: dict[str, Any], attributes: dict[str, Any]) -> None:
    after, changes = rewritten(PASS, lambda: between(op, constants, attributes))
    assert not changes
    assert types_of(after) == ["Relu", op, "Sigmoid"]


def test_several_in_a_row() -> None:
    def build() -> Program:
        net = Net(4, 6, 5)
        y = net.node("Identity", "b", net.node("Identity", "a", net.node("Relu", "relu", "x")))
        net.node("Sigmoid", "y", y)
        net.node("Tanh", "z", net.node("Dropout", "c", y))
        return net.program("y", "z")

    after, changes = rewritten(PASS, build)
    assert sorted(types_of(after)) == ["Relu", "Sigmoid", "Tanh"]
    assert len(changes) == 3


def test_an_output_keeps_its_name() -> None:
    def build() -> Program:
        net = Net(4)
        y = net.node("Relu", "relu", "x")
        net.node("Identity", "y", y)
        net.node("Sigmoid", "z", y)
        return net.program("y", "z")

    after, changes = rewritten(PASS, build)
    assert [(n.op_type, n.inputs, n.outputs) for n in after.nodes] == [
        ("Relu", ["x"], ["y"]), ("Sigmoid", ["y"], ["z"])
    ]  # fmt: skip
    assert len(changes) == 1


@pytest.mark.parametrize("source", ["x", "output", "weight"])
def test_an_output_that_only_an_identity_can_name_keeps_it(source: str) -> None:
    def build() -> Program:
        net = Net(4)
        net.weight("weight", [1.0, 2.0])
        y = net.node("Relu", "output", "x")
        net.node("Identity", "y", {"x": "x", "output": y, "weight": "weight"}[source])
        return net.program("output", "y")

    after, changes = rewritten(PASS, build)
    assert types_of(after) == ["Relu", "Identity"]
    assert not changes


def test_a_pool_that_also_gives_places_stays() -> None:
    def build() -> Program:
        net = Net(4, 3, 3)
        net.node("MaxPool", "pool", "x", outputs=2, kernel_shape=[1, 1])
        net.node("Sigmoid", "y", "pool")
        return net.program("y", "pool.1")

    after, changes = rewritten(PASS, build)
    assert "MaxPool" in types_of(after)
    assert not changes
