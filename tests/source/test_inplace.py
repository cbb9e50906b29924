"""Which activations overwrite their input."""

from __future__ import annotations

from archc.graph.memory.inplace import inplace_nodes
from tests.support.builder import Builder


def _in_place(b: Builder) -> set[str]:
    return {node.path for node in inplace_nodes(b.graph())}


def test_after_a_layer_whose_output_nothing_else_needs() -> None:
    b = Builder(input=[4, 6, 6])
    b.add("conv", "conv", 4, 1)
    b.add("bn", "batch_norm")
    b.add("relu", "relu")
    assert _in_place(b) == {"relu"}


def test_never_the_network_s_input_or_output() -> None:
    b = Builder(input=[4, 6, 6])
    b.add("first", "relu")
    tapped = b.add("conv", "conv", 4, 1)
    last = b.add("last", "relu")
    graph = b.graph(outputs={"tapped": tapped, "last": last})
    assert inplace_nodes(graph) == frozenset()


def test_never_what_two_layers_read() -> None:
    b = Builder(input=[4, 6, 6])
    conv = b.add("conv", "conv", 4, 1)
    act = b.add("act", "relu")
    b.add("sum", "add", on=[conv, act])
    assert _in_place(b) == set()


def test_never_a_view_a_weight_or_what_autograd_keeps() -> None:
    b = Builder(input=[4, 6, 6])
    b.add("conv", "conv", 4, 1)
    b.add("gate", "sigmoid")
    b.add("kept", "relu")  # the backward of sigmoid needs sigmoid's output
    parts = b.add("parts", "chunk", 2)
    b.add("part", "relu", on=parts[0])
    b.add("weight", "parameter", [2, 1, 1], 0.5)
    weight = b.add("bent", "relu")
    b.add("out", "mul", on=[parts[1], weight])
    assert _in_place(b) == set()


def test_never_with_a_negative_slope() -> None:
    b = Builder(input=[4, 6, 6])
    b.add("conv1", "conv", 4, 1)
    b.add("bent", "leaky_relu", -0.1)
    b.add("conv2", "conv", 4, 1)
    b.add("straight", "leaky_relu", 0.1)
    assert _in_place(b) == {"straight"}


def test_never_what_an_activation_in_place_gives() -> None:
    """Autograd keeps it, since the input is no more."""
    b = Builder(input=[4, 6, 6])
    conv1 = b.add("conv1", "conv", 4, 1)
    b.add("conv2", "conv", 4, 1)
    act = b.add("act", "leaky_relu")
    b.add("sum1", "add", on=[act, conv1])
    b.add("conv3", "conv", 4, 1)
    b.add("twice", "elu")
    b.add("again", "elu")
    b.add("conv4", "conv", 4, 1)
    copied = b.add("copied", "silu")
    b.add("sum2", "add", on=[copied, conv1])
    assert _in_place(b) == {"act", "twice", "copied", "sum2"}
