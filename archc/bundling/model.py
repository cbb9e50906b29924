"""What an ONNX file says of itself: its inputs and outputs, its metadata, and the files that hold its weights."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

import onnx
from onnx import shape_inference

from archc.runtime.errors import ModelError
from archc.runtime.model_file import inputs_of, read_model

Size = int | str | None  # a free size has a name, or none


@dataclass(frozen=True)
class TensorForm:
    """An input or output. ``dtype`` is ONNX's name of the type (``FLOAT16``); ``shape`` has the batch in front."""

    name: str
    dtype: str
    shape: tuple[Size, ...]


@dataclass(frozen=True)
class ModelFile:
    """A model and its files. ``external`` are the files of its weights: as the model names them → where they are."""

    path: Path
    inputs: tuple[TensorForm, ...]
    outputs: tuple[TensorForm, ...]
    metadata: dict[str, str]
    external: dict[str, Path]


def read(path: Path) -> ModelFile:
    """The model in a file, its weights left where they are. Raises ModelError and OSError."""
    proto = read_model(path)
    if not all(value.type.tensor_type.HasField("shape") for value in (*inputs_of(proto), *proto.graph.output)):
        proto = _with_shapes(path, proto)
    return ModelFile(
        path=path,
        inputs=tuple(_form(path, "input", value) for value in inputs_of(proto)),
        outputs=tuple(_form(path, "output", value) for value in proto.graph.output),
        metadata={entry.key: entry.value for entry in proto.metadata_props},
        external=dict(_external(path, _model_tensors(proto))),
    )


def _with_shapes(path: Path, proto: onnx.ModelProto) -> onnx.ModelProto:
    try:
        return shape_inference.infer_shapes(proto)
    except (shape_inference.InferenceError, ValueError) as e:
        raise ModelError(f"{path}: the shapes of its outputs are not given, and can't be inferred: {e}") from e


def _form(path: Path, role: str, value: onnx.ValueInfoProto) -> TensorForm:
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        what = (kind or "nothing").removesuffix("_type").replace("_", " ")
        raise ModelError(f"{path}: the {role} `{value.name}` is a {what}; only tensors can be served")
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        raise ModelError(f"{path}: the {role} `{value.name}` has no shape, and none can be inferred")
    return TensorForm(value.name, onnx.TensorProto.DataType.Name(tensor.elem_type), tuple(map(_size, tensor.shape.dim)))


def _size(dim: onnx.TensorShapeProto.Dimension) -> Size:
    known = dim.HasField("dim_value") and dim.dim_value >= 0  # some exporters write -1 for a free size
    return dim.dim_value if known else dim.dim_param or None


def _external(path: Path, tensors: Iterable[onnx.TensorProto]) -> Iterator[tuple[str, Path]]:
    """The files of external data, where they lie beside the model and hold what they should. Raises ModelError."""
    for tensor in tensors:
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        entries = {entry.key: entry.value for entry in tensor.external_data}
        location = entries.get("location", "")
        where = f"{path}: the weights of `{tensor.name}`"
        file = _beside(path, location, where)
        end = _number(entries, "offset", where) + _number(entries, "length", where)
        if end > file.stat().st_size:
            raise ModelError(f"{where} end at byte {end:,} of {file}, which has {file.stat().st_size:,}: it is cut off")
        yield location, file


def _beside(path: Path, location: str, where: str) -> Path:
    """A file named by a model, which must not lead out of the model's folder: neither by its name nor by a link."""
    parts = PurePosixPath(location.replace("\\", "/"))
    if not location or ".." in parts.parts or parts.is_absolute() or PureWindowsPath(location).drive:
        raise ModelError(f"{where} are said to be in {location!r}, which is not in the model's folder")
    file = path.parent / location
    if not file.is_file():
        raise ModelError(f"{where} are in {file}, which is not there", "external data travels with its model")
    real, homes = file.resolve(), (path.parent.resolve(), path.resolve().parent)
    if not any(real.is_relative_to(home) for home in homes):
        raise ModelError(f"{where} are in {file}, a link that leads out of the model's folder")
    if not os.access(file, os.R_OK):
        raise ModelError(f"{where} are in {file}, which may not be read")
    return file


def _number(entries: dict[str, str], key: str, where: str) -> int:
    text = entries.get(key, "") or "0"
    if not (text.isascii() and text.isdigit()):
        raise ModelError(f"{where} have the {key} {text!r}, which is no number of bytes")
    return int(text)


def _model_tensors(proto: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    yield from _graph_tensors(proto.graph)
    for function in proto.functions:
        yield from _node_tensors(function.node)


def _graph_tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _node_tensors(graph.node)


def _node_tensors(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.TensorProto]:
    for attribute in (attribute for node in nodes for attribute in node.attribute):
        yield from (attribute.t, *attribute.tensors)
        for graph in (*((attribute.g,) if attribute.HasField("g") else ()), *attribute.graphs):
            yield from _graph_tensors(graph)
