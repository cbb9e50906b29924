"""A model as bytes. Weights go from where they lie straight to the file, in the wire format of protocol buffers.

To set a weight in a proto copies it, to serialise the proto copies it again, and a proto ends at 2 GiB. Here all but
the weights is made by protos, and the weights are put between their bytes: the result is what the whole proto would
give.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import helper

from archc.backends.onnx.values import Array
from archc.backends.weights import WeightsError, little_endian

TYPES = {
    "float32": onnx.TensorProto.FLOAT,
    "float16": onnx.TensorProto.FLOAT16,
    "bfloat16": onnx.TensorProto.BFLOAT16,
    "float64": onnx.TensorProto.DOUBLE,
    "int64": onnx.TensorProto.INT64,
    "int32": onnx.TensorProto.INT32,
    "int8": onnx.TensorProto.INT8,
    "uint8": onnx.TensorProto.UINT8,
    "bool": onnx.TensorProto.BOOL,
}
_BYTES = 2  # the wire type of what has a length
_GRAPH = onnx.ModelProto.DESCRIPTOR.fields_by_name["graph"].number
_INITIALIZER = onnx.GraphProto.DESCRIPTOR.fields_by_name["initializer"].number
_RAW_DATA = onnx.TensorProto.DESCRIPTOR.fields_by_name["raw_data"].number


def dtype_of(name: str) -> np.dtype[Any]:
    """The numpy dtype of that name; bfloat16, which numpy has not, is ml_dtypes'."""
    return np.dtype(helper.tensor_dtype_to_np_dtype(TYPES[name]))


@dataclass(frozen=True, slots=True)
class Initializer:
    """A tensor of the model; its numbers are read when it is written."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], Array]

    @property
    def nbytes(self) -> int:
        return prod(self.shape) * dtype_of(self.dtype).itemsize

    def data(self) -> memoryview:
        """The numbers in little-endian order. Raises WeightsError where they are not what was announced."""
        array = np.asarray(self.read(), dtype_of(self.dtype))
        if array.shape != self.shape:
            raise WeightsError(f"`{self.name}` has the shape {array.shape}, not {self.shape}")
        return little_endian(array)

    def header(self) -> onnx.TensorProto:
        """The tensor without its numbers."""
        return onnx.TensorProto(name=self.name, dims=self.shape, data_type=TYPES[self.dtype])


class Location(NamedTuple):
    """A place in a file of external data."""

    file: str
    offset: int
    length: int


@dataclass(frozen=True)
class Model:
    """An ONNX model whose weights are not read yet."""

    model_head: onnx.ModelProto  # what comes before the graph
    graph_head: onnx.GraphProto  # what comes before the initializers
    graph_tail: onnx.GraphProto
    model_tail: onnx.ModelProto
    initializers: tuple[Initializer, ...]

    @property
    def weight_bytes(self) -> int:
        return sum(i.nbytes for i in self.initializers)

    def size(self) -> int:
        """Bytes of the model with all weights inside."""
        return sum(_pieces_size(self._pieces({})))

    def chunks(self, external: dict[str, Location] | None = None) -> Iterator[bytes | memoryview]:
        """The model in pieces, in order; the tensors named in ``external`` refer to where they lie."""
        for piece in self._pieces(external or {}):
            yield piece.data() if isinstance(piece, Initializer) else piece

    def proto(self) -> onnx.ModelProto:
        """The whole as a proto, for models of less than 2 GiB."""
        return onnx.ModelProto.FromString(b"".join(self.chunks()))

    def _pieces(self, external: dict[str, Location]) -> list[bytes | Initializer]:
        """Bytes as they are, and in between initializers whose data goes there."""
        tensors: list[bytes | Initializer] = []
        for initializer in self.initializers:
            tensors += _tensor(initializer, external.get(initializer.name))
        graph = [_serialized(self.graph_head), *tensors, _serialized(self.graph_tail)]
        size = sum(_pieces_size(graph))
        return [_serialized(self.model_head), _field(_GRAPH, size), *graph, _serialized(self.model_tail)]


def _tensor(initializer: Initializer, location: Location | None) -> list[bytes | Initializer]:
    header = initializer.header()
    if location is not None:
        header.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", location.file), ("offset", location.offset), ("length", location.length)):
            header.external_data.add(key=key, value=str(value))
        text = _serialized(header)
        return [_field(_INITIALIZER, len(text)) + text]
    start = _serialized(header) + _field(_RAW_DATA, initializer.nbytes)
    return [_field(_INITIALIZER, len(start) + initializer.nbytes) + start, initializer]


def _pieces_size(pieces: list[bytes | Initializer]) -> Iterator[int]:
    for piece in pieces:
        yield piece.nbytes if isinstance(piece, Initializer) else len(piece)


def _serialized(proto: onnx.ModelProto | onnx.GraphProto | onnx.TensorProto) -> bytes:
    return proto.SerializeToString(deterministic=True)


def _field(number: int, length: int) -> bytes:
    """The tag of a field with a length, and the length."""
    return _varint(number << 3 | _BYTES) + _varint(length)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
