"""Each rule holds of sound graphs and is broken by a graph that was damaged for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from archc.graph.graph import Graph, Tensor
from archc.graph.verify import RULES, VerifyError, verify
from archc.ops.shape import Shape
from tests.table.networks import auxiliary, resnet50, two_inputs, unet


@pytest.mark.parametrize("make", [resnet50, unet, two_inputs, auxiliary])
def test_sound_graphs_pass(make: Callable[[], Graph]) -> None:
    verify(make(), deep=True)


def _swap(graph: Graph) -> None:
    graph.nodes[0], graph.nodes[1] = graph.nodes[1], graph.nodes[0]


def _foreign_output(graph: Graph) -> None:
    graph.nodes[1].outputs[0].producer = graph.nodes[0]


def _two_outputs(graph: Graph) -> None:
    node = graph.nodes[0]
    node.outputs = (*node.outputs, Tensor(node.output.shape, node, 1))


def _reads_later(graph: Graph) -> None:
    graph.nodes[1].inputs = (graph.nodes[5].output,)


def _reads_two(graph: Graph) -> None:
    graph.nodes[1].inputs *= 2


def _same_path(graph: Graph) -> None:
    graph.nodes[1].path = graph.nodes[0].path


def _renamed(graph: Graph) -> None:
    graph.nodes[2].name = "other"


def _lost_child(graph: Graph) -> None:
    del graph.root.children["out"]
    graph.sections.clear()


def _unknown_child(graph: Graph) -> None:
    graph.sections["stem"] = ["nothing"]


def _foreign_result(graph: Graph) -> None:
    graph.outputs["y"] = Tensor(Shape((1,)))


def _no_result(graph: Graph) -> None:
    graph.train_outputs.clear()


def _negative(graph: Graph) -> None:
    graph.nodes[0].macs = -1


def _same_key(graph: Graph) -> None:
    graph.state.append(graph.state[0])


def _lost_key(graph: Graph) -> None:
    graph.state.pop()


def _other_shape(graph: Graph) -> None:
    graph.nodes[0].outputs[0].shape = Shape((8, 1, 1))


def _other_macs(graph: Graph) -> None:
    graph.nodes[0].macs += 1


def _other_weights(graph: Graph) -> None:
    node = graph.nodes[0]
    node.weights = {name: replace(w, shape=(7,)) for name, w in node.weights.items()}


DAMAGES = {
    _swap: "nodes-in-order",
    _foreign_output: "outputs-name-their-producer",
    _two_outputs: "outputs-name-their-producer",
    _reads_later: "inputs-made-before-use",
    _reads_two: "number-of-inputs",
    _same_path: "paths-unique",
    _renamed: "tree-and-nodes-agree",
    _lost_child: "tree-and-nodes-agree",
    _unknown_child: "sections-name-children",
    _foreign_result: "results-exist",
    _no_result: "results-exist",
    _negative: "weights-and-macs-not-negative",
    _same_key: "keys-unique",
    _lost_key: "keys-unique",
    _other_shape: "inferred-again",
    _other_macs: "inferred-again",
    _other_weights: "inferred-again",
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda f: f.__name__)
def test_damage_is_found_by_its_rule(damage: Callable[[Graph], None]) -> None:
    graph = unet()
    damage(graph)
    with pytest.raises(VerifyError) as caught:
        verify(graph, deep=True)
    assert caught.value.rule == DAMAGES[damage]
    assert DAMAGES[damage] in str(caught.value)


def test_every_rule_is_damaged_by_some_test() -> None:
    assert set(DAMAGES.values()) == set(RULES)


def test_deep_rules_are_left_out_unless_asked() -> None:
    graph = unet()
    _other_macs(graph)
    verify(graph)
