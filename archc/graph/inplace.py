"""Which activations may write into their input's memory."""

from __future__ import annotations

from collections import Counter

from archc.graph.graph import Graph, Node


def inplace_nodes(graph: Graph) -> frozenset[Node]:
    """The nodes whose module may run with ``inplace=True`` in both modes without changing any result or gradient.

    The tensor that such a node overwrites is fresh memory (no view, no weight, no input of the network), is read by
    this node alone, is no output of the network, and is not kept by autograd for the backward of what made it.
    """
    uses = Counter(id(t) for node in graph.nodes for t in node.inputs)
    outputs = {id(t) for mode in (graph.outputs, graph.train_outputs) for t in mode.values()}
    return frozenset(n for n in graph.nodes if n.op.inplace and _may_overwrite(n, uses, outputs))


def _bends_back(node: Node) -> bool:
    """Whether the activation has a negative slope: PyTorch then can't tell its input's sign from its output's."""
    return any(isinstance(value, int | float) and value < 0 for value in node.op.given().values())


def _may_overwrite(node: Node, uses: Counter[int], outputs: set[int]) -> bool:
    if len(node.inputs) != 1 or node.op.view or _bends_back(node):
        return False
    (tensor,) = node.inputs
    producer = tensor.producer
    if producer is None or producer.op.view or producer.op.keeps_output or "" in producer.weights:
        return False
    return uses[id(tensor)] == 1 and id(tensor) not in outputs
