"""A network as an ONNX model in memory.

Nodes and tensors are named by the paths of the spec, weights by their state_dict keys. The batch is symbolic (``N``) at
inputs and outputs; all other sizes are fixed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import onnx
from onnx import helper

from archc.backends.init import initial_value
from archc.backends.onnx import passes
from archc.backends.onnx.embed import embedding
from archc.backends.onnx.emitter import Drafts
from archc.backends.onnx.export import Export
from archc.backends.onnx.lower import Layers, loaded_from, lower, program_of
from archc.backends.onnx.metadata import written
from archc.backends.onnx.passes.base import Applied, LayerPass, ProgramPass, run_on_layers, run_on_program
from archc.backends.onnx.precision import conversions, declarations
from archc.backends.onnx.program import OnnxNode, Program, TensorType
from archc.backends.onnx.values import Array, of_arrays
from archc.backends.onnx.wire import TYPES, Model
from archc.backends.weights.fit import Report
from archc.graph.graph import Graph, Node, Tensor
from archc.ops.base import Op
from archc.ops.shape import Shape
from archc.version import __version__

IR_VERSION = 10


@dataclass(frozen=True)
class Built:
    """A model in memory, its weights not yet read. ``names`` says what each tensor of the graph is called in it."""

    model: Model
    program: Program
    names: Mapping[Tensor, str]
    folded: tuple[Node, ...]
    applied: tuple[Applied, ...]
    weights: Report | None  # None: random

    def proto(self) -> onnx.ModelProto:
        """The whole as a proto, for models of less than 2 GiB."""
        return self.model.proto()


def build(
    graph: Graph, *, weights: Mapping[str, Any] | None = None, seed: int = 0, export: Export | None = None
) -> Built:
    """The network as a model in memory. Raises WeightsError."""
    export = export or Export.of()
    loaded = loaded_from(graph, weights)
    rewrites = [passes.load(name) for name in export.passes]
    layers = Layers.of(graph, loaded, seed)
    applied = [run_on_layers(one, layers) for one in rewrites if isinstance(one, LayerPass)]
    program, names = lower(layers)
    applied += [run_on_program(one, program) for one in rewrites if isinstance(one, ProgramPass)]
    applied += [run_on_program(one, program) for one in conversions(graph, export)]
    applied += [run_on_program(one, program) for one in embedding(graph, export)]  # over the network as it stands
    applied += [run_on_program(one, program) for one in declarations(export)]
    program.metadata = written(graph, f"random, seed {seed}" if loaded is None else loaded.origin, export)
    description = " — ".join(filter(None, (graph.title, graph.source)))
    model = model_of(program, graph.variant or graph.name, description)
    return Built(model, program, names, tuple(layers.absorbed), tuple(applied), loaded.report if loaded else None)


def emit_op(
    op: Op, shapes: Sequence[Shape], values: Mapping[str, Array] | None = None, *, seed: int = 0
) -> onnx.ModelProto:
    """One op on inputs ``x0``, ``x1`` … of these shapes, as a model with the outputs ``y0``, ``y1`` …

    ``values`` are the op's weights by name; without, they are initialised from ``seed``.
    """
    inferred = op.infer(*shapes)
    results = inferred if isinstance(inferred, list) else [inferred]
    if values is None:
        values = {name: initial_value(name, w, w.init, seed) for name, w in op.weights(*shapes).items()}
    inputs = {f"x{i}": shape for i, shape in enumerate(shapes)}
    outputs = {f"y{i}": shape for i, shape in enumerate(results)}
    drafts = Drafts([*inputs, *outputs])
    made = drafts.emit(op.name, of_arrays(values), lambda e: op.onnx(e, list(inputs), shapes))
    drafts.finish(dict(zip(outputs, made, strict=True)))
    return model_of(program_of(drafts, inputs, outputs, {}), op.name).proto()


def model_of(program: Program, name: str, description: str = "") -> Model:
    """The program as a model. It must be settled."""
    properties = [onnx.StringStringEntryProto(key=key, value=value) for key, value in sorted(program.metadata.items())]
    opsets = [onnx.OperatorSetIdProto(domain=domain, version=version) for domain, version in program.opsets.items()]
    return Model(
        onnx.ModelProto(
            ir_version=IR_VERSION, producer_name="archc", producer_version=__version__, doc_string=description
        ),
        onnx.GraphProto(node=[_node(node) for node in program.nodes], name=name),
        onnx.GraphProto(
            input=[_value_info(name, type) for name, type in program.inputs.items()],
            output=[_value_info(name, type) for name, type in program.outputs.items()],
            value_info=[_value_info(name, type) for name, type in _beyond_onnx(program)],
        ),
        onnx.ModelProto(opset_import=opsets, metadata_props=properties),
        tuple(program.initializers.values()),
    )


def _beyond_onnx(program: Program) -> Iterator[tuple[str, TensorType]]:
    """Results within the model whose types no tool could infer, since their operators are not ONNX's own."""
    made = (tensor for node in program.nodes if node.domain for tensor in node.outputs)
    return ((tensor, program.types[tensor]) for tensor in made if tensor in program.types.keys() - program.outputs)


def _node(node: OnnxNode) -> onnx.NodeProto:
    attributes = [helper.make_attribute(key, value) for key, value in sorted(node.attributes.items())]
    return onnx.NodeProto(
        op_type=node.op_type, domain=node.domain, input=node.inputs, output=node.outputs, name=node.name,
        attribute=attributes,
    )  # fmt: skip


def _value_info(name: str, type: TensorType) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TYPES[type.dtype], type.shape)
