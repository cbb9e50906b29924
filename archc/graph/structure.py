"""A hash of what the weights of a network mean: what is computed from them, in which order, under which keys.

Two networks with one hash give one result from one file of weights. Names, descriptions, comments and sizes of inputs
do not count, nor does the way in which the spec says it, nor what matters in training alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from archc.graph.graph import Graph, Node, Tensor


def structure_hash(graph: Graph) -> str:
    """sha256, in hex, over the layers in the order in which the outputs need them, then over the state_dict."""
    digest = hashlib.sha256()
    for line in _lines(graph):
        digest.update(json.dumps(line, separators=(",", ":")).encode() + b"\n")
    return digest.hexdigest()


def _lines(graph: Graph) -> Iterator[object]:
    places: dict[Tensor, object] = {tensor: name for name, tensor in graph.inputs.items()}
    number = 0
    for outputs in (graph.outputs, graph.train_outputs):
        for tensor in outputs.values():
            for node in _needed(_through(tensor), places):
                yield [*_layer(node), [places[_through(t)] for t in node.inputs]]
                places.update({t: [number, t.index] for t in node.outputs})
                number += 1
        yield [places[_through(t)] for t in outputs.values()]
    yield sorted([e.key, list(e.weight.shape), e.weight.dtype] for e in graph.state)


def _layer(node: Node) -> list[object]:
    given = node.op.given().items()
    arguments = {name: repr(value) for name, value in given if name not in node.op.train_arguments}
    return [node.op.name, arguments, [node.key(name) for name in node.weights]]


def _through(tensor: Tensor) -> Tensor:
    """The tensor itself, or the one that it is in eval mode."""
    while tensor.producer is not None and tensor.producer.op.eval_identity:
        tensor = tensor.producer.inputs[0]
    return tensor


def _needed(tensor: Tensor, known: dict[Tensor, object]) -> Iterator[Node]:
    """The layers that a tensor needs and whose results are not yet known, each after those that it reads."""
    stack = [] if tensor in known else [tensor]
    while stack:
        node = stack[-1].producer
        assert node is not None, "an input of the network has a place from the start"
        waiting = [t for t in map(_through, reversed(node.inputs)) if t not in known]
        if waiting:
            stack += waiting
            continue
        stack.pop()
        if node.outputs[0] not in known:
            yield node
