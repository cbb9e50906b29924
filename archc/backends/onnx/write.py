"""Writing a model, with its weights inside or beside it."""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import onnx
from google.protobuf.message import DecodeError

from archc.backends.onnx.wire import Initializer, Location, Model
from archc.files import aside, writing

PROTO_LIMIT = (1 << 31) - 1  # bytes of a serialised proto
ALIGNMENT = 4096  # of tensors in the data file, so that a runtime can map them
SMALLEST = 1024  # bytes; smaller tensors, which shape inference may need, stay in the model


def is_external(model: Model, external_data_from: int | None) -> bool:
    """Whether the weights go into a file of their own: above a proto's limit always, and from the size asked for."""
    wanted = external_data_from is not None and model.weight_bytes >= external_data_from
    return (wanted and any(map(_goes_beside, model.initializers))) or model.size() > PROTO_LIMIT


def _goes_beside(initializer: Initializer) -> bool:
    return initializer.nbytes >= SMALLEST


def write(model: Model, path: Path, external_data_from: int | None = None) -> tuple[Path, ...]:
    """Write the model; gives the files written, the model first.

    External data is named by its hash, ``NAME.onnx.<sha8>.data``, and stands before the model does: an old model keeps
    its data until the new one takes its place. Then the old one's data is removed. Raises WriteError.
    """
    final = Path(os.path.realpath(path))
    old = _data_files(final)
    if not is_external(model, external_data_from):
        _write_model(model, path, {})
        new = None
    else:
        new, existed, locations = _write_data(model, final)
        try:
            _write_model(model, path, locations)
        except BaseException:
            if not existed:
                new.unlink()
            raise
    for file in old - {new}:
        with suppress(OSError):  # the new model is whole without it
            file.unlink()
    if new is None:
        return (path,)
    return path, new if path.is_symlink() else path.with_name(new.name)


def _write_model(model: Model, path: Path, locations: dict[str, Location]) -> None:
    with writing(path) as stream:
        for chunk in model.chunks(locations):
            stream.write(chunk)


def _write_data(model: Model, final: Path) -> tuple[Path, bool, dict[str, Location]]:
    """The data file, whether it was there before, and where each tensor lies in it."""
    with aside(final) as file:
        digest, places = _stream_tensors(model, file.stream)
        path = final.with_name(f"{final.name}.{digest[:8]}.data")
        existed = path.exists()
        file.move(path)
    return path, existed, {name: Location(path.name, *place) for name, place in places.items()}


def _stream_tensors(model: Model, stream: BinaryIO) -> tuple[str, dict[str, tuple[int, int]]]:
    """Write the tensors one by one; gives the hash of all, and name → (offset, length)."""
    hash, offset = hashlib.sha256(), 0
    places: dict[str, tuple[int, int]] = {}
    for initializer in model.initializers:
        if not _goes_beside(initializer):
            continue
        padding = bytes(-offset % ALIGNMENT)
        for chunk in (padding, initializer.data()):
            hash.update(chunk)
            stream.write(chunk)
        offset += len(padding)
        places[initializer.name] = (offset, initializer.nbytes)
        offset += initializer.nbytes
    return hash.hexdigest(), places


def _data_files(model: Path) -> set[Path]:
    """The data files of the model that stands at this path, of those that archc has named."""
    named = re.compile(re.escape(model.name) + r"\.[0-9a-f]{8}\.data")
    if not model.is_file():
        return set()
    beside = {file.name: file for file in model.parent.iterdir() if named.fullmatch(file.name)}
    if not beside:
        return set()
    try:
        proto = onnx.ModelProto.FromString(model.read_bytes())
    except DecodeError:  # what stands there is no model
        return set()
    entries = (entry for tensor in proto.graph.initializer for entry in tensor.external_data)
    locations = {entry.value for entry in entries if entry.key == "location"}
    return {file for name, file in beside.items() if name in locations}
