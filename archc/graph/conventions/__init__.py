"""How other tools count the operations of a network, so that archc's figures can be held against theirs.

Each tool has a module here. It counts what the tool would print for the PyTorch module that archc writes, at a batch of
one sample. A module holds ``PRINTED``, what the tool calls its figure, and ``count``, the figure of one layer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from math import prod
from typing import Any, Protocol

from archc.graph.cost import Cost
from archc.graph.graph import Mode, Node
from archc.ops.base import TorchModule
from archc.ops.shape import Shape

CONVENTIONS = ("fvcore", "ptflops", "torchinfo")


@dataclass(frozen=True, slots=True)
class Layer:
    """A node as these tools see it.

    ``called`` is its class in PyTorch (``nn.Conv2d``), or the function (``nn.functional.interpolate``), or ``""`` for
    an operator, which none of them counts. ``parameters`` are the numbers of each, ``arguments`` those of the op.
    """

    called: str
    arguments: Mapping[str, Any]
    parameters: Mapping[str, int]
    input: Shape
    output: Shape
    training: bool


class Convention(Protocol):
    """A module of this package."""

    PRINTED: str

    def count(self, layer: Layer) -> int:
        """The operations of one layer, of one sample."""
        ...


def convention(name: str) -> Convention:
    """The tool's rules; ``name`` is one of ``CONVENTIONS``."""
    found: Any = import_module(f"{__name__}.{name}")
    return found


def recounted(cost: Cost, name: str) -> Cost:
    """The same costs, with ``macs`` as the tool counts them."""
    count = convention(name).count
    nodes = [replace(n, macs=count(_layer(n.node, cost.mode)) if n.live and n.node.inputs else 0) for n in cost.nodes]
    macs = sum(n.macs for n in nodes)
    return replace(cost, nodes=nodes, total=replace(cost.total, macs=macs), convention=name)


def _layer(node: Node, mode: Mode) -> Layer:
    form = node.op.torch(*(t.shape for t in node.inputs))
    return Layer(
        called=form.cls if isinstance(form, TorchModule) else _function(form.template),
        arguments=vars(node.op),
        parameters={name: prod(w.shape) for name, w in node.weights.items() if not w.buffer},
        input=node.inputs[0].shape,
        output=node.output.shape,
        training=mode == "train",
    )


def _function(template: str) -> str:
    match = re.match(r"(nn\.functional\.\w+)\(", template)
    return match[1] if match else ""


def positions(shape: Shape) -> int:
    """Height times width: all axes after the channels."""
    return prod(shape.spatial)
