"""What a network costs, node by node and in all."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from archc.graph.graph import Graph, Mode, Node
from archc.graph.inplace import inplace_nodes
from archc.graph.memory import FLOAT_BYTES, peak_activation_bytes
from archc.graph.receptive import Field, receptive_fields
from archc.ops.base import Weight


@dataclass(frozen=True, slots=True)
class NodeCost:
    """The costs of one node. ``live`` is false where the mode does not run it; it then costs its weights alone.

    ``params`` counts parameters, ``buffers`` the numbers in buffers. ``macs`` are the multiply-adds of one sample.
    ``activations`` are the numbers that a convolution or linear layer gives, for the whole batch; 0 for other ops.
    """

    node: Node
    live: bool
    params: int
    buffers: int
    macs: int
    activations: int
    field: Field | None


@dataclass(frozen=True, slots=True)
class Total:
    """Sums over the network.

    ``params`` counts the numbers of the state_dict that are no buffers, each once, whether the mode runs their layer or
    not; nothing in the language freezes a weight, so all are trainable. ``macs`` and ``flops`` (two a multiply-add)
    are of one sample, and of convolutions and linear layers alone. ``activations``, as Radosavovic et al. ("Designing
    Network Design Spaces", CVPR 2020) define them, are the numbers that these layers give; they and
    ``peak_activation_bytes`` (of inference, fp32, by liveness; see ``archc.graph.memory``) are of the whole batch.
    ``param_bytes`` are the parameters as fp32.
    """

    params: int
    trainable_params: int
    buffers: int
    macs: int
    flops: int
    activations: int
    param_bytes: int
    peak_activation_bytes: int


@dataclass(frozen=True, slots=True)
class Cost:
    """The costs of a graph in a mode. ``nodes`` are those that run, and those that only keep weights, in order.

    ``convention`` is the tool whose way of counting ``macs`` follows, None for archc's own.
    """

    mode: Mode
    batch: int
    nodes: list[NodeCost]
    total: Total
    convention: str | None = None


def cost(graph: Graph, mode: Mode = "eval", batch: int = 1) -> Cost:
    """The costs of the graph at a batch of so many samples."""
    live = graph.live(mode)
    fields = receptive_fields(graph, live)
    nodes = [_node_cost(n, n in fields, fields.get(n), batch) for n in graph.nodes if n in fields or n.weights]
    return Cost(mode, batch, nodes, _total(graph, nodes, batch))


def _node_cost(node: Node, live: bool, field: Field | None, batch: int) -> NodeCost:
    macs = node.macs if live else 0
    made = batch * sum(t.shape.numel for t in node.outputs) if macs else 0
    params = numbers(node.weights, buffers=False) if node.weights else 0
    buffers = numbers(node.weights, buffers=True) if node.weights else 0
    return NodeCost(node, live, params, buffers, macs, made, field)


def numbers(weights: dict[str, Weight], *, buffers: bool) -> int:
    """How many numbers the weights hold: those in buffers, or those that are learned."""
    return sum(prod(w.shape) for w in weights.values() if w.buffer == buffers)


def _total(graph: Graph, nodes: list[NodeCost], batch: int) -> Total:
    params = sum(n.params for n in nodes)
    macs = sum(n.macs for n in nodes)
    return Total(
        params=params,
        trainable_params=params,
        buffers=sum(n.buffers for n in nodes),
        macs=macs,
        flops=2 * macs,
        activations=sum(n.activations for n in nodes),
        param_bytes=params * FLOAT_BYTES,
        peak_activation_bytes=peak_activation_bytes(graph, batch, inplace_nodes(graph)),
    )
