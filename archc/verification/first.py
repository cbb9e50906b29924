"""Which layer is the first that gives something else than expected."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

import torch
from torch import nn

from archc.backends.onnx.model import Built
from archc.backends.onnx.precision.casts import cast
from archc.backends.onnx.precision.dtypes import HALVES, dtypes
from archc.backends.onnx.precision.evaluate import in_parts
from archc.backends.onnx.precision.types import FLOAT
from archc.backends.onnx.program import OnnxNode, Program, TensorType
from archc.backends.weights import Array
from archc.graph.graph import Graph, Node
from archc.graph.graph import Tensor as Value
from archc.verification.candidates import Candidate
from archc.verification.layers import State, computed, tensors
from archc.verification.measure import of_tensor, statistics, worst
from archc.verification.result import Blamed, Measured, Tolerance
from archc.verification.samples import Arrays
from archc.verification.tolerances import FP32

BEHIND = ".dequantized"  # after the name of a tensor that is rounded to 8 bits: what it stands for


@dataclass(frozen=True, slots=True)
class Watched:
    """A tensor of the graph, and what it is called in a program."""

    value: Value
    name: str
    layer: str  # that makes it there

    @property
    def node(self) -> Node:
        assert self.value.producer is not None  # inputs are not watched
        return self.value.producer


Run = Callable[[Sequence[Watched]], Mapping[str, Array]]


def watched(candidate: Candidate) -> list[Watched]:
    """The results of layers that the candidate has as well, in the order of the graph."""
    program = candidate.program
    makers = {name: node.layer for node in program.nodes for name in node.outputs}
    return named(candidate.built, makers)


def named(built: Built, makers: Mapping[str, str]) -> list[Watched]:
    """Of the graph's results those that a model has: ``makers`` are its tensors, each with the layer that makes it.

    A name stands for the last of the layers that share it, the others being folded into it.
    """
    known = built.program.types | built.program.outputs
    last = {name: value for value, name in built.names.items() if value.producer is not None and name in known}
    found: list[Watched] = []
    for name, value in last.items():
        there = next((n for n in (name + BEHIND, name) if n in makers), None)
        if there is not None:
            found.append(Watched(value, there, makers[there] or value.name))
    return sorted(found, key=lambda one: (one.node.index, one.value.index))


@dataclass
class Search:
    """Goes through the layers of a graph, in order, until one is beyond the tolerance."""

    graph: Graph
    state: State
    inputs: Arrays
    tolerance: Tolerance
    errors: dict[Value, float] = field(default_factory=dict[Value, float])

    def first(self, layers: Sequence[Watched], run: Run) -> Blamed | None:
        """``run`` gives the tensors of some of the layers, by name; None where all agree."""
        for part in in_parts(layers, self._bytes):
            found, expected = run(part), self._expected({one.value for one in part})
            for one in part:
                measured = of_tensor(found[one.name], expected[one.value])
                if not self.tolerance.holds(measured):
                    return self._blamed(one, measured, found[one.name], expected[one.value])
                self.errors[one.value] = measured.error
        return None

    def _bytes(self, one: Watched) -> int:
        """Of a layer's tensor as it is found and as it is expected."""
        return 8 * len(next(iter(self.inputs.values()))) * prod(one.value.shape.dims)

    def _expected(self, wanted: set[Value]) -> dict[Value, Array]:
        found: dict[Value, Array] = {}
        with torch.inference_mode():
            for node, given in computed(self.graph, self.state, tensors(self.inputs)):
                found.update((v, y.numpy()) for v, y in zip(node.outputs, given, strict=True) if v in wanted)
                if len(found) == len(wanted):
                    break
        return found

    def _blamed(self, one: Watched, measured: Measured, found: Array, expected: Array) -> Blamed:
        before, passed = self._before(one.value)
        by_path = {node.path: node for node in self.graph.nodes}
        node = by_path.get(one.layer, one.node)
        others = [n.path for n in (*passed, one.node) if n is not node]
        return Blamed(
            node.path, node.op.name, str(node.origin.span), measured, statistics(expected), statistics(found),
            worst(found, expected), before, tuple(others),
        )  # fmt: skip

    def _before(self, value: Value) -> tuple[float | None, list[Node]]:
        """The largest error of what the layer reads, and the layers on the way there that could not be compared."""
        errors: list[float] = []
        passed: dict[Node, None] = {}
        waiting = list(value.producer.inputs if value.producer else ())
        while waiting:
            one = waiting.pop()
            if one in self.errors:
                errors.append(self.errors[one])
            elif one.producer is None:
                errors.append(0.0)
            elif one.producer not in passed:
                passed[one.producer] = None
                waiting += one.producer.inputs
        return max(errors, default=None), sorted(passed, key=lambda node: node.index)


def search(candidate: Candidate, graph: Graph, state: State, inputs: Arrays) -> Blamed | None:
    """The first layer of a candidate that differs on these inputs; None where none does once all are looked at."""

    def run(part: Sequence[Watched]) -> Mapping[str, Array]:
        program, shown = showing(candidate.program, [one.name for one in part])
        with candidate.session(program) as session:
            found = session.run(inputs)
        return {one.name: found[shown[one.name]] for one in part}

    return Search(graph, state, inputs, candidate.tolerance).first(watched(candidate), run)


def search_module(module: nn.Module, graph: Graph, state: State, inputs: Arrays) -> Blamed | None:
    """The first layer of the generated module that differs from what its op's rule gives by itself.

    Layers that the source writes as expressions are compared in those that read them.
    """
    modules: dict[str, nn.Module] = dict(module.named_modules())  # pyright: ignore[reportUnknownArgumentType]
    nodes = [node for node in graph.live("eval") if node.path in modules and not node.many]
    layers = [Watched(node.output, node.path, node.path) for node in nodes]

    def run(part: Sequence[Watched]) -> Mapping[str, Array]:
        found: dict[str, Array] = {}
        handles = [modules[one.name].register_forward_hook(_keep(found, one.name)) for one in part]
        with torch.inference_mode():
            module(*tensors(inputs).values())
        for handle in handles:
            handle.remove()
        return found

    return Search(graph, state, inputs, FP32).first(layers, run)


def _keep(found: dict[str, Array], name: str) -> Callable[..., None]:
    """A hook that copies what a module gives, since others may write into it."""

    def hook(_: nn.Module, __: object, given: torch.Tensor) -> None:
        found[name] = given.clone().numpy()

    return hook


def showing(program: Program, tensors: Sequence[str]) -> tuple[Program, dict[str, str]]:
    """The program with these tensors among its outputs, in fp32; and what each is called there."""
    made, types = program.copy(), dtypes(program)
    shown: dict[str, str] = {}
    for name in tensors:
        shown[name] = name
        if types.get(name) in HALVES:
            shown[name] = cast(made, name, FLOAT, made.producer(name) or OnnxNode("", [], []))
        shape = made.shape(name)
        assert shape is not None  # the results of layers have types
        made.outputs.setdefault(shown[name], TensorType(shape, FLOAT))
    made.settle()
    return made, shown
