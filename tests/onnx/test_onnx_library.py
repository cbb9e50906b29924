"""The ONNX of every network of the library: its shapes, and that nothing stands in it that need not.

Weights of one number each take no memory, so that even the large networks take no time; what they compute is compared
with torchvision in ``tests/zoo``.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest

import archc
from archc.backends.onnx.model import Built, build
from archc.backends.onnx.wire import Location
from archc.compiler import open_spec
from archc.graph.graph import Graph

MODELS = sorted((Path(__file__).parents[2] / "specs" / "models").glob("*.yaml"))
NETWORKS = [f"{path}:{variant}" for path in MODELS for variant in open_spec(path)[0].variants]
LEFTOVERS = {"Identity", "Shape", "Gather", "Cast", "Constant", "ConstantOfShape", "Dropout"}


def built_without_memory(graph: Graph) -> Built:
    """Built with weights whose numbers are all one."""
    ones = {np.dtype(dtype): np.ones((), dtype) for dtype in ("float32", "int64")}
    state = {e.key: np.broadcast_to(ones[np.dtype(e.weight.dtype)], e.weight.shape) for e in graph.state}
    return build(graph, weights=state)


def skeleton(built: Built) -> onnx.ModelProto:
    """The model as a proto, large weights named but not there."""
    large = {i.name: Location("weights", 0, i.nbytes) for i in built.model.initializers if i.nbytes >= 1024}
    return onnx.ModelProto.FromString(b"".join(built.model.chunks(large)))


@pytest.mark.parametrize("spec", NETWORKS, ids=lambda spec: spec.rpartition(":")[2])
def test_network(spec: str) -> None:
    graph = archc.compile(spec).graph
    built = built_without_memory(graph)
    proto = skeleton(built)
    assert not LEFTOVERS & {node.op_type for node in proto.graph.node}
    assert_shapes(proto, built)
    assert_folded(proto)
    assert_names(proto, graph)


def assert_shapes(proto: onnx.ModelProto, built: Built) -> None:
    inferred = onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True, data_prop=True).graph
    values = [*inferred.input, *inferred.value_info, *inferred.output]
    found = {v.name: [_size(d) for d in v.type.tensor_type.shape.dim] for v in values}
    ours = {name: ["N", *tensor.shape.dims] for tensor, name in built.names.items() if tensor.shape.batched}
    made = {name for node in proto.graph.node for name in node.output}
    assert made <= found.keys()
    assert {name: found[name] for name in ours if name in made} == {n: s for n, s in ours.items() if n in made}


def assert_folded(proto: onnx.ModelProto) -> None:
    """No batch norm is left behind a convolution or linear layer that feeds it alone."""
    uses = Counter(name for node in proto.graph.node for name in node.input)
    maker = {name: node.op_type for node in proto.graph.node for name in node.output}
    for node in proto.graph.node:
        if node.op_type == "BatchNormalization" and uses[node.input[0]] == 1:
            assert maker.get(node.input[0]) not in ("Conv", "ConvTranspose", "Gemm"), node.name


def assert_names(proto: onnx.ModelProto, graph: Graph) -> None:
    paths = {node.path for node in graph.nodes}
    keys = {entry.key for entry in graph.state}
    names = [node.name for node in proto.graph.node]
    assert len(set(names)) == len(names)
    for name in names:  # an op of several nodes names those within by their types
        assert name in paths or name.rpartition(".")[0] in paths
    for initializer in proto.graph.initializer:
        name = initializer.name
        path = name.rpartition(".")[0]
        assert name in keys or path in paths, name
    assert [i.name for i in proto.graph.input] == list(graph.inputs)
    assert [o.name for o in proto.graph.output] == list(graph.outputs)


def _size(dimension: onnx.TensorShapeProto.Dimension) -> int | str:
    """A size, or a symbol; behind a Resize, of which onnx follows no symbols, it is one of onnx's own making."""
    name = dimension.dim_param
    return "N" if name.startswith("unk__") else name or dimension.dim_value
