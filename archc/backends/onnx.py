"""ONNX straight from the graph, in eval mode and fp32, without torch.

Nodes and tensors are named by the paths of the spec, weights by their state_dict keys. The batch is symbolic (``N``) at
inputs and outputs; all other sizes are fixed. Batch norms are worked, in float64, into the layer before them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from onnx import helper

from archc.backends._onnx import write as files
from archc.backends._onnx.emitter import Draft, Drafts
from archc.backends._onnx.fold import fold as fold_affine
from archc.backends._onnx.values import Array, of_arrays, of_node
from archc.backends._onnx.wire import Model
from archc.backends.init import InitialValues, initial_value
from archc.backends.weights import tensors_of
from archc.backends.weights.fit import Report
from archc.backends.weights.loading import Loaded, load
from archc.graph.graph import Graph, Node, Tensor
from archc.ops.base import Op
from archc.ops.shape import Shape
from archc.version import __version__

OPSET = 18
IR_VERSION = 10
BATCH = "N"

__all__ = ["BATCH", "IR_VERSION", "OPSET", "Built", "OnnxReport", "build", "emit_op", "save"]


@dataclass(frozen=True)
class Built:
    """A model in memory, its weights not yet read. ``names`` says what each tensor of the graph is called in it."""

    model: Model
    names: Mapping[Tensor, str]
    folded: tuple[Node, ...]
    weights: Report | None  # None: random

    def proto(self) -> onnx.ModelProto:
        """The whole as a proto, for models of less than 2 GiB."""
        return self.model.proto()


@dataclass(frozen=True)
class OnnxReport:
    """What was written. Shapes have the batch, ``N``, in front; ``size`` is in bytes, of all files together."""

    path: Path
    files: tuple[Path, ...]
    size: int
    opset: int
    ir_version: int
    inputs: dict[str, tuple[int | str, ...]]
    outputs: dict[str, tuple[int | str, ...]]
    folded: int  # batch norms, and other affine ops, worked into the layer before them
    weights: Report | None  # None: random
    seed: int | None  # of random weights

    @property
    def random(self) -> bool:
        """Whether the weights are random, no file being given."""
        return self.weights is None


def save(
    graph: Graph,
    path: str | os.PathLike[str],
    *,
    weights: Mapping[str, Any] | None = None,
    seed: int = 0,
    external_data_from: int | None = None,
) -> OnnxReport:
    """Write the network as ONNX to ``path``; the same call writes the same bytes.

    ``weights`` maps the state_dict's keys, all of them and no others, to arrays or torch's tensors
    (``archc.backends.weights.load`` reads a file of them), or is what ``archc.backends.weights.loading`` made of it;
    without, they start by ``init`` from ``seed``. Weights of ``external_data_from`` bytes or more in all, or too many
    for one proto (2 GiB), go into a file beside the model.
    Raises WeightsError and WriteError.
    """
    path = Path(path)
    built = build(graph, weights=weights, seed=seed)
    written = files.write(built.model, path, external_data_from)
    return OnnxReport(
        path=path,
        files=written,
        size=sum(file.stat().st_size for file in written),
        opset=OPSET,
        ir_version=IR_VERSION,
        inputs={name: _batched(t.shape) for name, t in graph.inputs.items()},
        outputs={name: _batched(t.shape) for name, t in graph.outputs.items()},
        folded=len(built.folded),
        weights=built.weights,
        seed=seed if weights is None else None,
    )


def build(graph: Graph, *, weights: Mapping[str, Any] | None = None, seed: int = 0, fold: bool = True) -> Built:
    """The network as a model in memory. ``fold=False`` leaves batch norms as they are. Raises WeightsError."""
    loaded = weights if weights is None or isinstance(weights, Loaded) else load(graph, tensors_of(weights))
    state = InitialValues(graph, seed) if loaded is None else loaded
    nodes = graph.live("eval")
    values = {node: of_node(node, state) for node in nodes}
    folded = fold_affine(graph, nodes, values) if fold else {}
    drafts = Drafts([*graph.inputs, *graph.outputs])
    names: dict[Tensor, str] = {tensor: name for name, tensor in graph.inputs.items()}
    for node in nodes:
        inputs = [names[t] for t in node.inputs]
        if node in folded:
            names[node.output] = inputs[0]
            continue
        shapes = [t.shape for t in node.inputs]
        made = drafts.emit(node.path, values[node], lambda e, n=node, i=inputs, s=shapes: n.op.onnx(e, i, s))
        names.update(zip(node.outputs, made, strict=True))
    drafts.finish({name: names[tensor] for name, tensor in graph.outputs.items()})
    names = {tensor: drafts.renamed.get(name, name) for tensor, name in names.items()}
    description = " — ".join(filter(None, (graph.title, graph.source)))
    model = _model(
        graph.variant or graph.name,
        drafts,
        {name: t.shape for name, t in graph.inputs.items()},
        {name: t.shape for name, t in graph.outputs.items()},
        description,
        _metadata(graph, f"random, seed {seed}" if loaded is None else loaded.origin),
    )
    return Built(model, names, tuple(folded), None if loaded is None else loaded.report)


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
    return _model(op.name, drafts, inputs, outputs, "", {}).proto()


def _model(
    name: str,
    drafts: Drafts,
    inputs: Mapping[str, Shape],
    outputs: Mapping[str, Shape],
    description: str,
    metadata: Mapping[str, str],
) -> Model:
    used = {name for draft in drafts.nodes for name in draft.inputs}
    properties = [onnx.StringStringEntryProto(key=key, value=value) for key, value in sorted(metadata.items())]
    return Model(
        onnx.ModelProto(
            ir_version=IR_VERSION, producer_name="archc", producer_version=__version__, doc_string=description
        ),
        onnx.GraphProto(node=[_node(draft) for draft in drafts.nodes], name=name),
        onnx.GraphProto(
            input=[_value_info(name, shape) for name, shape in inputs.items()],
            output=[_value_info(name, shape) for name, shape in outputs.items()],
        ),
        onnx.ModelProto(opset_import=[onnx.OperatorSetIdProto(version=OPSET)], metadata_props=properties),
        tuple(i for i in drafts.initializers.values() if i.name in used),
    )


def _node(draft: Draft) -> onnx.NodeProto:
    attributes = [helper.make_attribute(key, value) for key, value in sorted(draft.attributes.items())]
    return onnx.NodeProto(
        op_type=draft.op_type, input=draft.inputs, output=draft.outputs, name=draft.name, attribute=attributes
    )


def _value_info(name: str, shape: Shape) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, _batched(shape))


def _batched(shape: Shape) -> tuple[int | str, ...]:
    return (BATCH, *shape.dims) if shape.batched else shape.dims


def _metadata(graph: Graph, weights: str) -> dict[str, str]:
    entries: dict[str, Any] = {
        "archc_version": __version__,
        "spec": graph.spec_name,
        "spec_text": graph.spec_text,
        "spec_sha256": graph.spec_hash,
        "weights": weights,
        "preprocess": _json(graph.preprocess),
        "labels": _json(graph.labels),
    }
    return {key: value for key, value in entries.items() if value}


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if value else ""
