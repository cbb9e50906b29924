"""Working an affine op, a batch norm above all, into the convolution or linear layer before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import numpy as np

from archc.backends.onnx.lower import Layers
from archc.backends.onnx.passes.base import Change, LayerPass
from archc.backends.onnx.values import Array, Values, of_arrays
from archc.graph.graph import Graph, Node

KEPT = 1 << 30  # bytes of folded weights held in memory; beyond that they are worked out again when written


Affine = tuple[Array, Array]  # (scale, shift) by channel


class FoldBatchNorm(LayerPass):
    """Works what scales and shifts channels into the weights of the layer before it, in float64.

    Jacob et al., arXiv:1712.05877, section 3.2, give the formula. The output is the same up to rounding.
    """

    name = "fold-batch-norm"
    summary = "batch norms, and other ops that scale and shift channels, go into the convolution or linear layer before"

    def run(self, layers: Layers) -> list[Change]:
        there = [node for node in layers.nodes if node not in layers.absorbed]
        found = fold(layers.graph, there, layers.values)
        layers.absorbed.update(found)
        return [Change(node.path, f"{node.op.name} folded into {into.path}") for node, into in found.items()]


def fold(graph: Graph, nodes: Iterable[Node], values: dict[Node, Values]) -> dict[Node, Node]:
    """Folds where an op's rules allow it, changing ``values`` of the producer; gives folded node → producer.

    The producer's output must feed the folded op alone, and be no output of the network. A chain of affine ops goes
    into one producer as a whole.
    """
    nodes = list(nodes)
    uses = Counter(id(t) for node in nodes for t in node.inputs)
    uses.update(id(t) for t in graph.outputs.values())
    producers: dict[Node, Node] = {}
    chains: dict[Node, Affine] = {}
    own: dict[Node, Values] = {}  # what producers had before
    room = KEPT
    for node in nodes:
        producer = _producer(node, uses, producers)
        affine = node.op.as_affine(values[node]) if producer else None
        if producer is None or affine is None:
            continue
        chain = _after(chains.get(producer), affine)
        before = own.setdefault(producer, values[producer])
        arrays = _absorb(producer, before, chain)
        if arrays is None:
            continue
        producers[node], chains[producer] = producer, chain
        room -= sum(a.nbytes for a in arrays.values())
        values[producer] = of_arrays(arrays) if room >= 0 else _anew(arrays, partial(_absorb, producer, before, chain))
    return producers


def _producer(node: Node, uses: Counter[int], producers: dict[Node, Node]) -> Node | None:
    """The node into which this one might go: the one that feeds it alone, or the one into which that went."""
    if len(node.inputs) != 1 or uses[id(node.inputs[0])] != 1:
        return None
    before = node.inputs[0].producer
    return None if before is None or before.many else producers.get(before, before)


def _after(first: Affine | None, second: Affine) -> Affine:
    """Both in a row, as one."""
    if first is None:
        return second
    return first[0] * second[0], first[1] * second[0] + second[1]


def _absorb(producer: Node, values: Values, affine: Affine) -> dict[str, Array] | None:
    arrays = producer.op.absorb_affine(values, *affine, output=producer.output.shape)
    return None if arrays is None else {name: a.astype(np.float32, copy=False) for name, a in arrays.items()}


def _anew(arrays: Mapping[str, Array], compute: Callable[[], Mapping[str, Array] | None]) -> Values:
    """The forms of these arrays, without keeping them."""
    forms = {name: (a.shape, a.dtype.name) for name, a in arrays.items()}
    return Values(forms, lambda name: (compute() or {})[name])


rewrite = FoldBatchNorm()
