"""What a model says of itself, and how it is read again: without onnx, and without the weights.

All is text, by key; what is more than a word is JSON.

| key | holds |
|---|---|
| ``archc_version`` | the version that wrote it |
| ``spec``, ``spec_text``, ``spec_sha256`` | the spec's name, its text, the hash of it and of all that it uses |
| ``record`` | the other texts, and how the spec was called: ``archc.graph.record.Record`` |
| ``structure_sha256`` | ``archc.graph.structure.structure_hash`` |
| ``weights`` | where they came from |
| ``profile``, ``passes``, ``export`` | the target, its passes, and the arguments of ``archc.Network.onnx`` |
| ``embedded`` | what is in the model beside the network: ``preprocess``, ``topk`` |
| ``preprocess``, ``labels`` | how pixels become the input; output → class names |
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from archc.graph.graph import Graph
from archc.graph.record import Record
from archc.graph.structure import structure_hash
from archc.language.values import value_text
from archc.runtime.errors import ModelError
from archc.version import __version__

if TYPE_CHECKING:
    from archc.backends.onnx.export import Export

LONGEST = 1 << 26  # bytes of one entry

_IR_VERSION, _GRAPH, _METADATA = 1, 7, 14  # fields of ModelProto
_KEY, _VALUE = 1, 2  # of StringStringEntryProto
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types of protocol buffers


def written(graph: Graph, weights: str, export: Export) -> dict[str, str]:
    """What a model of this network says; ``weights`` tells where they came from."""
    entries = {
        "archc_version": __version__,
        "spec": graph.spec_name,
        "spec_text": graph.spec_text,
        "spec_sha256": graph.spec_hash,
        "record": "" if graph.record is None else _recorded(graph.record),
        "structure_sha256": structure_hash(graph),
        "weights": weights,
        "profile": export.profile.name,
        "passes": " ".join(export.passes),
        "export": _json(export.arguments),
        "embedded": _json(export.embedded),
        "preprocess": _json(graph.preprocess),
        "labels": _json(graph.labels),
    }
    return {key: value for key, value in entries.items() if value}


def _recorded(record: Record) -> str:
    """The record without the spec's text, which has an entry of its own."""
    values: dict[str, Any] = {
        "main": record.main,
        "specs": {name: text for name, text in record.specs.items() if name != record.main},
        "beside": dict(record.beside),
        "links": dict(record.links),
        "variant": record.variant,
        "params": dict(record.params),
        "input": dict(record.input),
    }
    return _json({key: value for key, value in values.items() if value})


def record_of(metadata: dict[str, str]) -> Record:
    """What ``written`` took down. Raises ValueError where it is not of that form."""
    said, text = _object(json.loads(metadata["record"])), metadata["spec_text"]
    main, variant = said.get("main"), said.get("variant", "")
    if not isinstance(main, str) or not isinstance(variant, str):
        raise ValueError("it does not name its spec")
    specs, beside, links = (_texts(said.get(key, {})) for key in ("specs", "beside", "links"))
    sizes = {name: tuple(map(_size, _items(sizes))) for name, sizes in _object(said.get("input", {})).items()}
    return Record(main, {main: text, **specs}, beside, links, variant, _object(said.get("params", {})), sizes)


def read_metadata(path: Path) -> dict[str, str]:
    """What the model in a file says of itself. Raises ModelError where it is no model or is cut off, and OSError."""
    with path.open("rb") as file:
        try:
            return _entries(file, path.stat().st_size)
        except (ValueError, EOFError) as e:
            raise ModelError(f"{path} is no ONNX model, or is broken: {e}") from e


def _entries(file: BinaryIO, end: int) -> dict[str, str]:
    found: dict[str, str] = {}
    seen: set[int] = set()
    while file.tell() < end:
        field, wire = _tag(file)
        seen.add(field)
        length = _length(file, wire)
        if file.tell() + length > end:
            raise EOFError("it is cut off")
        if field == _METADATA and wire == _BYTES:
            if length > LONGEST:
                raise ValueError("an entry of its metadata is too long")
            key, value = _entry(file, file.tell() + length)
            found[key] = value
        else:
            file.seek(length, 1)
    if not {_IR_VERSION, _GRAPH} <= seen:
        raise ValueError("it has no version or no graph")
    return found


def _entry(file: BinaryIO, end: int) -> tuple[str, str]:
    parts = {_KEY: "", _VALUE: ""}
    while file.tell() < end:
        field, wire = _tag(file)
        length = _length(file, wire)
        if file.tell() + length > end:
            raise ValueError("an entry of its metadata is longer than itself")
        parts[field] = file.read(length).decode()
    return parts[_KEY], parts[_VALUE]


def _tag(file: BinaryIO) -> tuple[int, int]:
    """Number and wire type of the field that follows."""
    tag = _varint(file)
    if not tag >> 3:
        raise ValueError("a field has no number")
    return tag >> 3, tag & 7


def _length(file: BinaryIO, wire: int) -> int:
    """Bytes of a field's value that are still to be read."""
    if wire == _VARINT:
        _varint(file)
        return 0
    if wire == _BYTES:
        return _varint(file)
    if wire not in _FIXED:
        raise ValueError(f"a field is of the unknown kind {wire}")
    return _FIXED[wire]


_FIXED = {_FIXED64: 8, _FIXED32: 4}


def _varint(file: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            raise EOFError("it is cut off")
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise ValueError("a number is too long")


def _json(value: Any) -> str:
    """JSON, in which layers stand as a spec writes them; nothing for what is empty."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=value_text) if value else ""


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("a mapping is none")
    return cast("dict[str, Any]", value)


def _texts(value: Any) -> dict[str, str]:
    found = _object(value)
    if not all(isinstance(text, str) for text in found.values()):
        raise ValueError("a text is none")
    return cast("dict[str, str]", found)


def _items(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("a list is none")
    return cast("list[Any]", value)


def _size(value: Any) -> int:
    if not isinstance(value, int):
        raise ValueError("a size is no integer")
    return value
