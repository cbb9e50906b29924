"""``.safetensors``: tensors are read in place, and written one by one."""

from __future__ import annotations

import json
import mmap
import os
import sys
from collections.abc import Mapping
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from archc.backends.weights.tensors import Array, Stored, Tensors, WeightsError, as_float32
from archc.files import writing

_FLOATS = {"F16": "<f2", "F32": "<f4", "F64": "<f8"}
_INTEGERS = {f"{kind}{8 * size}": f"<{kind.lower()}{size}" for kind in "IU" for size in (1, 2, 4, 8)} | {"BOOL": "|b1"}


def load(path: Path) -> Tensors:
    """The tensors of a file; needs the package safetensors, and no torch. Raises WeightsError."""
    import safetensors

    open_checked: Any = safetensors.safe_open  # its stub has no types
    try:
        # The package checks the header, and that the tensors fill the file without gap or overlap. It would copy
        # each tensor on reading; by the offsets of the checked header they can be read in place.
        with open_checked(path, framework="numpy"):
            data = _mapped(path)
    except safetensors.SafetensorError as e:
        raise WeightsError(f"{path} is no whole safetensors file: {e}") from None
    start = 8 + int.from_bytes(data[:8], "little")
    header: dict[str, Any] = json.loads(data[8:start])
    metadata = header.pop("__metadata__", None)
    return Tensors(str(path), {key: _place(path, key, data, start, form) for key, form in header.items()}, metadata)


def _mapped(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _place(path: Path, key: str, data: mmap.mmap, start: int, form: Mapping[str, Any]) -> Stored:
    """The tensor of an entry of the header; ``start`` is where the tensors begin."""
    dtype, shape = form["dtype"], tuple(form["shape"])
    name = "<u2" if dtype == "BF16" else (_FLOATS | _INTEGERS).get(dtype)
    if name is None:
        raise WeightsError(f"{path}: `{key}` is of type {dtype}, which is not read; save it as float32 or float16")
    raw: Array = np.ndarray(shape, name, data, start + form["data_offsets"][0])
    read = partial(_from_bfloat16 if dtype == "BF16" else as_float32, raw)
    return Stored(shape, dtype in _INTEGERS, read)


def _from_bfloat16(raw: Array) -> Array:
    """A bfloat16 is the upper half of a float32."""
    return (raw.astype(np.uint32) << 16).view(np.float32)


_NAMES = {np.dtype(code).name: name for name, code in (_FLOATS | _INTEGERS).items()}


def save(path: str | os.PathLike[str], tensors: Mapping[str, Array], metadata: Mapping[str, str] | None = None) -> None:
    """Write a ``.safetensors`` file, tensor by tensor, whole or not at all. Raises WriteError."""
    header: dict[str, Any] = {"__metadata__": dict(sorted((metadata or {}).items()))} if metadata else {}
    offset = 0
    for key, value in tensors.items():
        end = offset + prod(value.shape) * value.dtype.itemsize
        header[key] = {"dtype": _NAMES[value.dtype.name], "shape": list(value.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with writing(path) as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for value in tensors.values():
            stream.write(little_endian(value))


def little_endian(value: Array) -> memoryview:
    """The bytes of an array in C order, without a copy where it is so already."""
    array = np.ascontiguousarray(value)
    if sys.byteorder == "big" or array.dtype.byteorder == ">":
        array = array.astype(array.dtype.newbyteorder("<"))
    return array.reshape(-1).view(np.uint8).data
