"""Costs of nodes and their sums. What PyTorch needs of memory is measured in ``tests/zoo/test_memory.py``."""

from __future__ import annotations

import random
from math import prod

import pytest
import torch

from archc.backends.torch_module import module
from archc.graph.cost import cost
from archc.graph.graph import Graph, Node, Tensor
from archc.graph.memory import memory
from archc.graph.memory.inplace import inplace_nodes
from archc.graph.memory.saved import saved_for_backward
from tests.support import memory as measured
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
    # The statistics of batch norm are as many at any batch.
    statistics = sum(2 * 4 * n.output.shape.channels for n in unet().nodes if n.op.name == "batch_norm")
    assert five.saved_for_backward_bytes == 5 * one.saved_for_backward_bytes - 4 * statistics


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
    """The least that it can be: at each node all memory that a node from here on, or the caller, still reads."""
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
def test_peak_memory_holds_what_is_still_to_be_read(graph: Graph) -> None:
    relus = {n for n in graph.nodes if n.op.name == "relu"}
    assert simulated(graph, 3, set()) <= memory(graph, 3).peak < 2 * simulated(graph, 3, set())
    assert simulated(graph, 3, relus) <= memory(graph, 3, relus).peak <= memory(graph, 3).peak


@pytest.mark.parametrize("seed", range(20))
def test_peak_memory_of_random_graphs_holds_what_is_still_to_be_read(seed: int) -> None:
    graph = random_graph(random.Random(seed))
    in_place = {n for n in graph.nodes if n.op.name == "relu" and random.Random(seed).random() < 0.5}
    assert simulated(graph, 2, in_place) <= memory(graph, 2, in_place).peak <= memory(graph, 2).peak


@pytest.mark.parametrize("seed", range(20))
def test_random_graphs_need_the_memory_that_is_told(seed: int) -> None:
    graph = random_graph(random.Random(seed))
    in_place, inputs = inplace_nodes(graph), [torch.randn(2, 4, 8, 8) for _ in graph.inputs]
    made = module(graph)
    assert sum(saved_for_backward(graph, 2, in_place).values()) == measured.saved_for_backward(made.train(), inputs)
    assert memory(graph, 2, in_place).peak == pytest.approx(
        measured.alive_in_forward(made.eval(), inputs).peak, rel=0.25
    )


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
    # The caller holds the network's input all the while.
    assert memory(graph).peak == 4 * (100 + 200 + 200)
    assert memory(graph, in_place={relu}).peak == 4 * (100 + 200 + 100)
    assert list(memory(graph).at.values()) == [4 * 300, 4 * 500, 4 * 400]


def test_a_container_holds_its_inputs_and_its_variables() -> None:
    b = Builder(input=[1, 10, 10])
    stem = b.add("stem", "conv", 2, 1)
    with b.module("block", block="block", on=stem):
        one = b.add("one", "conv", 1, 1)
        b.add("two", "conv", 1, 1)
        b.add("sum", "add", on=[one, b.prev])
        b.add("last", "conv", 1, 1)
    at = {n.name: bytes // 400 for n, bytes in memory(b.graph()).at.items()}
    assert at == {"stem": 1 + 2, "one": 1 + 2 + 1, "two": 1 + 2 + 2, "sum": 1 + 2 + 3, "last": 1 + 2 + 3}


def test_a_max_pool_makes_indices_and_throws_them_away() -> None:
    b = Builder(input=[1, 10, 10])
    b.add("conv", "conv", 1, 1)
    b.add("pool", "max_pool", 2)
    b.add("relu", "relu")
    assert list(memory(b.graph()).at.values()) == [4 * 200, 4 * 225 + 8 * 25, 4 * (100 + 25 + 25)]


def test_memory_that_training_keeps_counts_once() -> None:
    b = Builder(input=[1, 10, 10])
    b.add("conv1", "conv", 2, 1)
    b.add("relu", "relu")
    parts = b.add("parts", "chunk", 2)
    one = b.add("conv2", "conv", 1, 1, on=parts[0])
    other = b.add("conv3", "conv", 1, 1, on=parts[1])
    b.add("sum", "add", on=[one, other])
    b.add("drop", "dropout")
    graph = b.graph()
    saved = {n.name: bytes for n, bytes in saved_for_backward(graph, 3, inplace_nodes(graph)).items()}
    assert saved == {"conv1": 1200, "relu": 2400, "parts": 0, "conv2": 0, "conv3": 0, "sum": 0, "drop": 1200}


def test_what_no_parameter_goes_into_is_not_kept() -> None:
    b = Builder(input=[1, 10, 10])
    b.add("pool", "max_pool", 2)
    b.add("relu", "relu")
    b.add("conv", "conv", 1, 1)
    saved = {n.name: bytes for n, bytes in saved_for_backward(b.graph()).items()}
    assert saved == {"pool": 0, "relu": 0, "conv": 4 * 25}
