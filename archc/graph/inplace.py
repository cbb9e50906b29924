"""Which activations may write into their input's memory."""

from __future__ import annotations

from collections import Counter

from archc.graph.graph import Graph, Node


def inplace_nodes(graph: Graph) -> frozenset[Node]:
    """The nodes whose module may run with ``inplace=True`` in both modes without changing any result or gradient.

    The tensor that such a node overwrites is fresh memory (no view, no weight, no input of the network), is read by this
    node alone, is no output of the network, and is not kept by autograd for the backward of the node that made it.
    """
    uses = Counter(id(t) for node in graph.nodes for t in node.inputs)
    outputs = {id(t) for mode in (graph.outputs, graph.train_outputs) for t in mode.values()}
    return frozenset(n for n in graph.nodes if n.op.inplace and _may_overwrite(n, uses, outputs))


def _may_overwrite(node: Node, uses: Counter[int], outputs: set[int]) -> bool:
    if len(node.inputs) != 1 or node.op.view:
        return False
    (tensor,) = node.inputs
    producer = tensor.producer
    if producer is None or producer.op.view or producer.op.keeps_output or "" in producer.weights:
        return False
    return uses[id(tensor)] == 1 and id(tensor) not in outputs
