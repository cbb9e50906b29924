"""The network as a graph of ops, and the tree of modules that its paths make.

Everything that archc says of a network, it reads here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from archc.diagnostics.span import Span
from archc.graph.fans import FanInit
from archc.graph.record import Record
from archc.graph.weight_rules import WeightRule
from archc.ops.base import Init, Op, Weight
from archc.ops.shape import Shape

Mode = Literal["eval", "train"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a layer is written: ``span`` is its text, ``parent`` the call of the block that it stands in."""

    span: Span
    parent: Origin | None = None


@dataclass(eq=False, slots=True)
class Tensor:
    """A value that flows.

    ``producer`` is None for an input of the network; ``index`` is its place among the producer's outputs.
    """

    shape: Shape
    producer: Node | None = None
    index: int = 0
    name: str = ""

    def __repr__(self) -> str:
        return f"Tensor({self.name}: {self.shape})"


@dataclass(eq=False, slots=True)
class Node:
    """One op at one place. Nodes stand in the order in which the spec builds them, which is an order of execution."""

    index: int
    name: str  # the last part of the path
    path: str
    op: Op
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    many: bool  # the op gives a list of tensors, be it of one
    parent: Module
    origin: Origin
    weights: dict[str, Weight]
    macs: int

    @property
    def output(self) -> Tensor:
        return self.outputs[0]

    def nodes(self) -> Iterator[Node]:
        """The node itself, as of a container all below."""
        yield self

    def key(self, weight: str) -> str:
        """The state_dict key of one of the weights; a ``parameter`` is its own path."""
        return f"{self.path}.{weight}" if weight else self.path

    def __repr__(self) -> str:
        return f"Node({self.path}: {self.op.name})"


@dataclass(eq=False, slots=True)
class Module:
    """A container: a child with a body, the root, or what a dotted name made (a namespace).

    ``children`` stand in the order in which each was first named. ``block`` and ``arguments`` say which block's body
    it is, if one's, with its bound parameters. ``result`` is what it gives: a tensor, a list, or None for a namespace.
    A child that built nothing is a Module without children, whose ``result`` is its input.
    """

    name: str
    path: str
    kind: Literal["root", "list", "mapping", "namespace", "empty"]
    parent: Module | None
    origin: Origin | None
    block: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])
    inputs: tuple[Tensor | list[Tensor], ...] = ()
    input_names: tuple[str, ...] = ()  # as the block declares them; of what is no block's, none
    children: dict[str, Module | Node] = field(default_factory=dict[str, "Module | Node"])
    result: Tensor | list[Tensor] | None = None

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """The tensors that it gives, one by one; none for a namespace."""
        return () if self.result is None else tensors(self.result)

    def nodes(self) -> Iterator[Node]:
        """All nodes below, in the order of the children."""
        for child in self.children.values():
            yield from child.nodes()

    def upwards(self) -> Iterator[Module]:
        """The container and those around it, the root last."""
        module: Module | None = self
        while module is not None:
            yield module
            module = module.parent

    def __repr__(self) -> str:
        return f"Module({self.path or '<root>'}: {self.kind})"


Child = Module | Node


def tensors(*given: Tensor | list[Tensor]) -> tuple[Tensor, ...]:
    """Tensors one by one, be some of them in lists."""
    return tuple(t for one in given for t in (one if isinstance(one, list) else [one]))


def named_shapes(tensors: Mapping[str, Tensor]) -> str:
    """``left 3 × 96 × 96, right 3 × 96 × 96``"""
    return ", ".join(f"{name} {tensor.shape}" for name, tensor in tensors.items())


@dataclass(frozen=True, slots=True)
class InitRule:
    """One entry of ``init``.

    ``ops`` are op names, or ``pattern`` is over whole state_dict keys with ``*`` for any text.
    """

    ops: tuple[str, ...]
    pattern: str | None
    weight: str  # the weight's name, for ops; "" for a pattern
    init: Init | FanInit
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the state_dict."""

    key: str
    weight: Weight
    node: Node
    name: str  # the weight's name in its op


@dataclass(eq=False)
class Graph:
    """A compiled network."""

    name: str  # the family's
    variant: str
    title: str  # for people: `description` of the spec, or the name
    source: str | None  # the paper, table or page
    inputs: dict[str, Tensor]
    nodes: list[Node]
    root: Module
    sections: dict[str, list[str]]  # stem, body, head → names of root's children
    outputs: dict[str, Tensor]
    train_outputs: dict[str, Tensor]
    params: dict[str, Any]  # the spec's parameters with their values
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])  # what the names of the file stand for
    init: tuple[InitRule, ...] = ()
    weight_rules: tuple[WeightRule, ...] = ()  # of files of weights
    preprocess: dict[str, Any] = field(default_factory=dict[str, Any])
    labels: dict[str, list[str]] = field(default_factory=dict[str, list[str]])  # output → class names
    spec_name: str = ""  # the spec as the user knows it: specs/models/resnet.yaml:resnet50
    spec_text: str = ""
    spec_hash: str = ""  # sha256 of the spec and of all files that it uses
    record: Record | None = None  # of all its texts; None where it is of none

    def outputs_of(self, mode: Mode) -> dict[str, Tensor]:
        return self.train_outputs if mode == "train" else self.outputs

    def live(self, mode: Mode) -> list[Node]:
        """The nodes that some output of the mode needs, in order."""
        return self._live[mode]

    @cached_property
    def _live(self) -> Mapping[Mode, list[Node]]:
        def reach(outputs: dict[str, Tensor]) -> list[Node]:
            needed = {id(t.producer) for t in outputs.values() if t.producer}
            for node in reversed(self.nodes):
                if id(node) in needed:
                    needed.update(id(t.producer) for t in node.inputs if t.producer)
            return [n for n in self.nodes if id(n) in needed]

        found = reach(self.outputs)
        return {"eval": found, "train": found if self.train_outputs is self.outputs else reach(self.train_outputs)}

    @cached_property
    def state(self) -> list[Entry]:
        """The entries of the state_dict, in PyTorch's order: a module's own parameters, then its children's."""

        def walk(module: Module) -> Iterator[Entry]:
            own = [c for c in module.children.values() if isinstance(c, Node) and "" in c.weights]
            for child in own:
                yield Entry(child.path, child.weights[""], child, "")
            for child in module.children.values():
                if isinstance(child, Module):
                    yield from walk(child)
                elif "" not in child.weights:
                    for name, weight in child.weights.items():
                        yield Entry(child.key(name), weight, child, name)

        return list(walk(self.root))
