"""From the graph to a program: each layer's op says its nodes, named by the paths of the spec."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from archc.backends.init import InitialValues
from archc.backends.onnx.emitter import Drafts
from archc.backends.onnx.pads import keep_zeros
from archc.backends.onnx.program import BATCH, Program, TensorType
from archc.backends.onnx.values import Values, of_node
from archc.backends.weights import tensors_of
from archc.backends.weights.loading import Loaded, load
from archc.graph.graph import Graph, Node, Tensor
from archc.ops.shape import Shape

OPSET = 18


@dataclass
class Layers:
    """The layers that are alive in eval mode with the numbers of their weights, before they become ONNX nodes.

    ``absorbed`` are layers that others compute as well: layer → the one whose output is its own.
    """

    graph: Graph
    nodes: list[Node]
    values: dict[Node, Values]
    absorbed: dict[Node, Node] = field(default_factory=dict[Node, Node])

    @classmethod
    def of(cls, graph: Graph, loaded: Loaded | None, seed: int) -> Layers:
        """The layers with these weights, or with random ones from ``seed``."""
        state = InitialValues(graph, seed) if loaded is None else loaded
        nodes = graph.live("eval")
        return cls(graph, nodes, {node: of_node(node, state) for node in nodes})


def loaded_from(graph: Graph, weights: Mapping[str, Any] | None) -> Loaded | None:
    """The weights of the graph, checked against it. Raises WeightsError."""
    return weights if weights is None or isinstance(weights, Loaded) else load(graph, tensors_of(weights))


def lower(layers: Layers) -> tuple[Program, dict[Tensor, str]]:
    """The program in fp32, and what each tensor of the graph is called in it."""
    graph = layers.graph
    drafts = Drafts([*graph.inputs, *graph.outputs])
    names: dict[Tensor, str] = {tensor: name for name, tensor in graph.inputs.items()}
    for node in layers.nodes:
        inputs = [names[t] for t in node.inputs]
        if node in layers.absorbed:
            names[node.output] = inputs[0]
            continue
        shapes = [t.shape for t in node.inputs]
        made = drafts.emit(node.path, layers.values[node], lambda e, n=node, i=inputs, s=shapes: n.op.onnx(e, i, s))
        names.update(zip(node.outputs, made, strict=True))
    drafts.finish({name: names[tensor] for name, tensor in graph.outputs.items()})
    names = {tensor: drafts.renamed.get(name, name) for tensor, name in names.items()}
    program = program_of(drafts, _shapes(graph.inputs), _shapes(graph.outputs), names)
    keep_zeros(program)
    return program, names


def program_of(
    drafts: Drafts, inputs: Mapping[str, Shape], outputs: Mapping[str, Shape], names: Mapping[Tensor, str]
) -> Program:
    """The program of these nodes; ``names`` tells the types of tensors within."""
    types = {name: type_of(tensor.shape) for tensor, name in names.items()}
    program = Program(
        drafts.nodes, drafts.initializers.values(), _types(inputs.items()), _types(outputs.items()), types, OPSET
    )
    program.settle()
    return program


def _types(shapes: Iterable[tuple[str, Shape]]) -> dict[str, TensorType]:
    return {name: type_of(shape) for name, shape in shapes}


def type_of(shape: Shape) -> TensorType:
    """The type of a tensor of the graph: fp32, the batch in front."""
    return TensorType((BATCH, *shape.dims) if shape.batched else shape.dims)


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, Shape]:
    return {name: tensor.shape for name, tensor in tensors.items()}
