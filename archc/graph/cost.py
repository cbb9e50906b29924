"""What a network costs, node by node and in all."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from archc.graph.graph import Graph, Mode, Node
from archc.graph.memory import Memory, memory
from archc.graph.memory.inplace import inplace_nodes
from archc.graph.memory.saved import saved_for_backward
from archc.graph.memory.storage import FLOAT_BYTES
from archc.graph.receptive import Field, receptive_fields
from archc.ops.base import Weight


@dataclass(frozen=True, slots=True)
class NodeCost:
    """The costs of one node. ``live`` is false where the mode does not run it; it then costs its weights alone.

    ``params`` counts parameters, ``buffers`` the numbers in buffers. ``macs`` are the multiply-adds of one sample.
    ``activations`` are the numbers that a convolution or linear layer gives, for the whole batch; 0 for other ops.
    ``memory`` are the bytes of tensors that are alive in inference while the node runs, 0 if it does not; ``saved``
    those that training keeps for its backward, each piece of memory at the first node that needs it.
    """

    node: Node
    live: bool
    params: int
    buffers: int
    macs: int
    activations: int
    memory: int
    saved: int
    field: Field | None


@dataclass(frozen=True, slots=True)
class Total:
    """Sums over the network.

    ``params`` counts the numbers of the state_dict that are no buffers, each once, whether the mode runs their layer or
    not; nothing in the language freezes a weight, so all are trainable. ``macs`` and ``flops`` (two a multiply-add)
    are of one sample, and of convolutions and linear layers alone. ``activations``, as Radosavovic et al. ("Designing
    Network Design Spaces", CVPR 2020) define them, are the numbers that these layers give; they and the memory are of
    the whole batch. ``peak_activation_bytes`` are the most bytes of tensors that are alive at once in inference (see
    ``archc.graph.memory``), ``saved_for_backward_bytes`` those that autograd keeps after the forward of a training
    step (see ``archc.graph.memory.saved``), whatever the mode; both are fp32, weights aside. ``param_bytes`` are the
    parameters as fp32.
    """

    params: int
    trainable_params: int
    buffers: int
    macs: int
    flops: int
    activations: int
    param_bytes: int
    peak_activation_bytes: int
    saved_for_backward_bytes: int


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
    used = _Used.of(graph, batch)
    nodes = [_node_cost(n, n in fields, fields.get(n), used, batch) for n in graph.nodes if n in fields or n.weights]
    return Cost(mode, batch, nodes, _total(nodes, used))


@dataclass(frozen=True, slots=True)
class _Used:
    """The memory of inference and of training."""

    inference: Memory
    saved: dict[Node, int]

    @staticmethod
    def of(graph: Graph, batch: int) -> _Used:
        in_place = inplace_nodes(graph)
        return _Used(memory(graph, batch, in_place), saved_for_backward(graph, batch, in_place))


def _node_cost(node: Node, live: bool, field: Field | None, used: _Used, batch: int) -> NodeCost:
    macs = node.macs if live else 0
    made = batch * sum(t.shape.numel for t in node.outputs) if macs else 0
    params = numbers(node.weights, buffers=False) if node.weights else 0
    buffers = numbers(node.weights, buffers=True) if node.weights else 0
    return NodeCost(
        node, live, params, buffers, macs, made, used.inference.at.get(node, 0), used.saved.get(node, 0), field
    )


def numbers(weights: dict[str, Weight], *, buffers: bool) -> int:
    """How many numbers the weights hold: those in buffers, or those that are learned."""
    return sum(prod(w.shape) for w in weights.values() if w.buffer == buffers)


def _total(nodes: list[NodeCost], used: _Used) -> Total:
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
        peak_activation_bytes=used.inference.peak,
        saved_for_backward_bytes=sum(used.saved.values()),
    )
