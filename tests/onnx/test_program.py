"""The program that passes rewrite: who makes and who reads each tensor, before and after every kind of change."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archc.backends.onnx.lower import Layers
from archc.backends.onnx.passes.base import (
    Change,
    LayerPass,
    PassError,
    ProgramPass,
    run_on_layers,
    run_on_program,
)
from archc.backends.onnx.passes.contracts import valid
from archc.backends.onnx.program import OnnxNode, Program, TensorType
from tests.support.builder import Builder

X = TensorType(("N", 4))


def node(op_type: str, inputs: Sequence[str], *outputs: str) -> OnnxNode:
    return OnnxNode(op_type, list(inputs), list(outputs), name=outputs[0], layer=outputs[0])


def program(*nodes: OnnxNode, outputs: Sequence[str] = ("y",)) -> Program:
    types = {name: X for one in nodes for name in one.outputs}
    return Program(nodes, [], {"x": X}, dict.fromkeys(outputs, X), types, 18)


def order(p: Program) -> list[str]:
    return [n.outputs[0] for n in p.nodes]


def consistent(p: Program) -> None:
    """The indices say what the nodes say."""
    for one in p.nodes:
        assert all(p.producer(t) is one for t in one.outputs)
        assert all(one in p.consumers(t) for t in one.inputs)
    readers = {t: [n for n in p.nodes if t in n.inputs] for n in p.nodes for t in n.outputs}
    for tensor, found in readers.items():
        assert sorted(map(id, p.consumers(tensor))) == sorted(map(id, found))


def test_a_chain_ends_where_another_reads_or_the_model_gives_it_out() -> None:
    p = program(node("A", "x", "a"), node("B", "a", "b"), node("C", "b", "y"))
    first = p.nodes[0]
    assert [n.op_type for n in p.chain(first, "B", "C") or []] == ["B", "C"]
    assert p.chain(first, "C") is None
    assert p.chain(first, "B", "C", "D") is None
    p.append(node("D", "a", "d"))
    assert p.chain(first, "B") is None
    assert program(node("A", "x", "y"), node("B", "y", "b")).chain(first, "B") is None


def test_a_node_that_reads_a_tensor_twice_is_one_reader() -> None:
    p = program(node("A", "x", "a"), node("Mul", ["a", "a"], "y"))
    assert p.only_consumer("a") is p.nodes[1]
    p.set_inputs(p.nodes[1], ["a", "x"])
    assert p.only_consumer("a") is p.nodes[1]
    assert p.consumers("x") == p.nodes
    consistent(p)


def test_new_nodes_go_before_their_first_reader_and_what_nothing_reads_goes() -> None:
    p = program(node("A", "x", "a"), node("B", "a", "b"), node("C", ["a", "b"], "y"), node("D", "b", "unread"))
    p.constant("unread too", [1.0])
    (made,) = p.add("New", ["a"], like=p.nodes[1])
    assert made == "b.New"
    p.redirect("a", made, [p.nodes[1]])
    p.settle()
    assert order(p) == ["a", "b.New", "b", "y"]
    assert not p.initializers
    assert not valid(p)
    consistent(p)


def test_names_are_never_given_twice() -> None:
    p = program(node("A", "x", "y"))
    names = [p.constant("y", [1.0]), p.constant("y", [2.0]), *p.add("A", ["x"], like=p.nodes[0], name="y", outputs=2)]
    assert names == ["y_1", "y_2", "y_3", "y.1"]


@pytest.mark.parametrize(
    ("nodes", "gone", "left"),
    [
        ([node("A", "x", "a"), node("I", "a", "i"), node("B", "i", "y")], "i", ["a", "y"]),
        ([node("A", "x", "a"), node("I", "a", "y")], "y", ["y"]),
        ([node("A", "x", "a"), node("I", "a", "y"), node("B", "a", "b"), node("C", "b", "z")], "y", ["y", "b", "z"]),
    ],
)
def test_bypass(nodes: list[OnnxNode], gone: str, left: list[str]) -> None:
    p = program(*nodes, outputs=["y", "z"] if "z" in left else ["y"])
    identity = p.producer(gone)
    assert identity is not None
    assert p.bypass(identity)
    p.settle()
    assert order(p) == left
    assert not valid(p)
    consistent(p)


def test_an_identity_from_an_input_or_between_two_outputs_stays() -> None:
    p = program(node("I", "x", "y"))
    assert not p.bypass(p.nodes[0])
    p = program(node("A", "x", "a"), node("I", "a", "y"), outputs=["a", "y"])
    assert not p.bypass(p.nodes[1])
    assert order(p) == ["a", "y"]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=30), st.randoms())
def test_settling_orders_any_graph(reads: list[tuple[int, int]], shuffle: Random) -> None:
    nodes: list[OnnxNode] = []
    for i, pair in enumerate(reads):
        sources = ["x" if i == 0 or j % (i + 1) == i else f"t{j % (i + 1)}" for j in pair]
        nodes.append(node("Add", sources, "y" if i == len(reads) - 1 else f"t{i}"))
    shuffle.shuffle(nodes)
    p = program(*nodes)
    p.settle()
    assert not valid(p)
    consistent(p)
    before = order(p)
    p.settle()
    assert order(p) == before


class Broken(ProgramPass):
    name = "broken"
    summary = "takes away what is read"

    def run(self, program: Program) -> list[Change]:
        program.remove(program.nodes[0])
        return []


def test_a_pass_that_breaks_the_program_is_named() -> None:
    p = program(node("A", "x", "a"), node("B", "a", "y"))
    with pytest.raises(PassError, match="pass broken, after it: `y` reads `a`, which is not there yet"):
        run_on_program(Broken(), p)


def test_two_nodes_of_one_name_are_no_valid_program() -> None:
    """onnxruntime refuses such a model."""
    nodes = [OnnxNode("A", ["x"], ["a"], name="same"), OnnxNode("B", ["a"], ["y"], name="same")]
    assert valid(program(*nodes)) == ["2 nodes are called `same`"]
    p = program(OnnxNode("A", ["x"], ["y"], name="named"))
    assert p.unique("named") == "named_1"


class Demanding(Broken):
    name = "demanding"
    requires = (lambda p: ["it is too small"] if len(p.nodes) < 9 else [],)


def test_what_a_pass_requires_is_checked_before_it() -> None:
    p = program(node("A", "x", "y"))
    with pytest.raises(PassError, match="pass demanding, before it: it is too small"):
        run_on_program(Demanding(), p)
    assert order(p) == ["y"]


class Greedy(LayerPass):
    name = "greedy"
    summary = "works a layer into the one before it, again and again"

    def run(self, layers: Layers) -> list[Change]:
        convolution, norm = layers.nodes
        layers.absorbed = {norm: convolution} if not layers.absorbed else {norm: norm}
        return []


def test_a_layer_is_absorbed_once() -> None:
    b = Builder("net", [2, 4, 4])
    b.add("conv", "conv", 2, 1)
    b.add("bn", "batch_norm")
    layers = Layers.of(b.graph(), None, seed=0)
    assert run_on_layers(Greedy(), layers).changes == ()
    with pytest.raises(PassError, match="pass greedy, after it: `bn` is absorbed once more; `bn` is not there"):
        run_on_layers(Greedy(), layers)
