"""Costs of nodes and their sums; the peak of memory against a plain simulation."""

from __future__ import annotations

import random
from math import prod

import pytest

from archc.graph.cost import cost
from archc.graph.graph import Graph, Node, Tensor
from archc.graph.memory import peak_activation_bytes
from tests.support.builder import Builder
from tests.table.networks import auxiliary, resnet50, two_inputs, unet


def test_resnet50() -> None:
    total = cost(resnet50()).total
    assert total.params == total.trainable_params == 25_557_032
    assert total.buffers == 2 * 26_560 + 53  # mean and variance of each channel, and a counter for each of 53
    assert total.macs == 4_089_184_256
    assert total.flops == 2 * total.macs
    assert total.param_bytes == 4 * total.params
    # Radosavovic et al. 2020 give 11.1 M.
    assert total.activations == 11_114_984


def test_the_batch_multiplies_activations_and_not_macs() -> None:
    one, five = cost(unet()).total, cost(unet(), batch=5).total
    assert five.macs == one.macs
    assert five.params == one.params
    assert five.activations == 5 * one.activations
    assert five.peak_activation_bytes == 5 * one.peak_activation_bytes


def test_a_head_of_training_costs_its_weights_in_eval_and_all_in_training() -> None:
    graph = auxiliary()
    costs = {mode: {c.node.path: c for c in cost(graph, mode).nodes} for mode in ("eval", "train")}  # pyright: ignore
    assert (costs["eval"]["aux.conv"].params, costs["eval"]["aux.conv"].macs) == (4 * 2 + 2, 0)
    assert "aux.relu" not in costs["eval"]
    assert (costs["train"]["aux.conv"].params, costs["train"]["aux.conv"].macs) == (10, 4 * 2 * 14 * 14)
    assert cost(graph, "eval").total.params == cost(graph, "train").total.params
    assert cost(graph, "train").total.macs > cost(graph, "eval").total.macs


def test_a_learned_tensor_is_a_parameter_and_no_activation() -> None:
    token = next(c for c in cost(two_inputs()).nodes if c.node.path == "token")
    assert (token.params, token.activations, token.field) == (8, 0, None)


def simulated(graph: Graph, batch: int, in_place: set[Node]) -> int:
    """The peak by looking, at each node, at all memory that a node from here on, or the caller, still reads."""
    nodes = graph.live("eval")

    def memory(tensor: Tensor) -> Tensor | None:
        """The tensor whose memory this one lies in; None for a weight."""
        node = tensor.producer
        if node is None:
            return tensor
        if node.op.view and not node.inputs:
            return None
        return memory(node.inputs[0]) if node.op.view or node in in_place else tensor

    def size(tensor: Tensor) -> int:
        return 4 * prod(tensor.shape.dims) * (batch if tensor.shape.batched else 1)

    made: set[Tensor] = set(graph.inputs.values())
    peak = 0
    for time, node in enumerate(nodes):
        made |= {m for t in node.outputs if (m := memory(t))}
        wanted = [t for later in nodes[time:] for t in later.inputs] + list(node.outputs) + list(graph.outputs.values())
        alive = {m for t in wanted if (m := memory(t)) in made}
        peak = max(peak, sum(map(size, alive)))
    return peak


@pytest.mark.parametrize("graph", [resnet50(), unet(), two_inputs(), auxiliary()], ids=lambda g: g.name)
def test_peak_memory_is_that_of_a_simulation(graph: Graph) -> None:
    relus = {n for n in graph.nodes if n.op.name == "relu"}
    assert peak_activation_bytes(graph, 3) == simulated(graph, 3, set())
    assert peak_activation_bytes(graph, 3, relus) == simulated(graph, 3, relus)


@pytest.mark.parametrize("seed", range(20))
def test_peak_memory_of_random_graphs_is_that_of_a_simulation(seed: int) -> None:
    graph = random_graph(random.Random(seed))
    in_place = {n for n in graph.nodes if n.op.name == "relu" and random.Random(seed).random() < 0.5}
    assert peak_activation_bytes(graph, 2, in_place) == simulated(graph, 2, in_place)


def random_graph(random: random.Random) -> Graph:
    b = Builder(input={"x": [4, 8, 8], "z": [4, 8, 8]})
    tensors = list(b.inputs.values())
    for i in range(random.randint(5, 15)):
        kind = random.choice(["conv", "relu", "add", "chunk", "identity"])
        read = random.sample(tensors, 2) if kind == "add" else random.choice(tensors)
        if kind == "chunk":
            b.add(f"n{i}", "chunk", 2, on=read)
            b.add(f"c{i}", "conv", 4, random.choice([1, 3]), padding="13".index("1"), on=random.choice(list(b.prev)))  # type: ignore[arg-type]
            b.add(f"r{i}", "resize_like", on=[b.prev, tensors[0]])  # type: ignore[list-item]
        elif kind == "conv":
            b.add(f"n{i}", "conv", 4, 1, on=read)
        else:
            b.add(f"n{i}", kind, on=read)
        assert isinstance(b.prev, Tensor)
        tensors.append(b.prev)
    outputs = {f"y{i}": t for i, t in enumerate(random.sample(tensors[2:], 2))}
    return b.graph(outputs)


def test_a_chain_needs_two_neighbours_at_once_and_in_place_one() -> None:
    b = Builder(input=[1, 10, 10])
    b.add("a", "conv", 2, 1)
    b.add("relu", "relu")
    b.add("b", "conv", 1, 1)
    graph = b.graph()
    relu = graph.nodes[1]
    assert peak_activation_bytes(graph) == 4 * (200 + 200)
    assert peak_activation_bytes(graph, in_place={relu}) == 4 * (100 + 200)
