"""Reading, checking and writing files of weights, without running any code that they hold.

Floating-point tensors come out as float32 whatever the file's precision; integers come out as they are.
"""

from __future__ import annotations

import json
import mmap
import os
import pickle
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archc.files import writing
from archc.graph.graph import Graph

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[Any]
SHOWN = 5  # keys of each kind that a message lists


class WeightsError(Exception):
    """Weights cannot be read, or are not those of the network."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One tensor of a file: its shape, whether it holds integers, and how to read it."""

    shape: tuple[int, ...]
    integer: bool
    read: Callable[[], Array]


class Tensors(Mapping[str, Array]):
    """Key → tensor of a file of weights. A tensor is read, and made float32, each time that it is asked for."""

    def __init__(self, path: Path, stored: Mapping[str, Stored], metadata: Mapping[str, str] | None = None) -> None:
        self.path, self.stored, self.metadata = path, stored, dict(metadata or {})

    def __getitem__(self, key: str) -> Array:
        return self.stored[key].read()

    def __iter__(self) -> Iterator[str]:
        return iter(self.stored)

    def __len__(self) -> int:
        return len(self.stored)

    def __contains__(self, key: object) -> bool:
        return key in self.stored


def load(path: str | os.PathLike[str]) -> Tensors:
    """The tensors of a ``.safetensors``, ``.pth`` or ``.pt`` file, read lazily. Raises WeightsError."""
    path = Path(path)
    if path.suffix not in READERS:
        raise WeightsError(f"{path}: weights are read from files that end in {', '.join(READERS)}")
    try:
        with path.open("rb"):
            pass
    except OSError as e:
        raise WeightsError(f"cannot read {path}: {(e.strerror or str(e)).lower()}") from None
    return READERS[path.suffix](path)


# --- safetensors ---------------------------------------------------------------------------------------------------

_FLOATS = {"F16": "<f2", "F32": "<f4", "F64": "<f8"}
_INTEGERS = {f"{kind}{8 * size}": f"<{kind.lower()}{size}" for kind in "IU" for size in (1, 2, 4, 8)} | {"BOOL": "|b1"}


def _load_safetensors(path: Path) -> Tensors:
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
    return Tensors(path, {key: _place(path, key, data, start, form) for key, form in header.items()}, metadata)


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
    read = partial(_from_bfloat16 if dtype == "BF16" else _float32, raw)
    return Stored(shape, dtype in _INTEGERS, read)


def _from_bfloat16(raw: Array) -> Array:
    """A bfloat16 is the upper half of a float32."""
    return (raw.astype(np.uint32) << 16).view(np.float32)


def _float32(raw: Array) -> Array:
    return raw.astype(np.float32, copy=False) if raw.dtype.kind == "f" else raw


# --- torch's own format ---------------------------------------------------------------------------------------------


def _load_torch(path: Path) -> Tensors:
    try:
        import torch
    except ImportError:
        raise WeightsError(
            f"reading {path} needs PyTorch: install archc[torch], or save the weights as .safetensors"
        ) from None
    content = _unpickled(path)
    if not isinstance(content, Mapping):
        raise WeightsError(f"{path} holds a {type(content).__name__}, not a state_dict; save model.state_dict()")
    stored: dict[str, Stored] = {}
    for key, value in content.items():  # pyright: ignore[reportUnknownVariableType]
        if not isinstance(key, str) or not isinstance(value, torch.Tensor):
            raise WeightsError(_no_state_dict(path, content, key, value))  # pyright: ignore[reportUnknownArgumentType]
        stored[key] = _torch_tensor(path, key, value)
    return Tensors(path, stored)


def _unpickled(path: Path) -> Any:
    """What the file holds, tensors and plain containers only: torch refuses all else before it runs."""
    import torch

    load: Callable[..., Any] = partial(torch.load, path, map_location="cpu", weights_only=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the file is of an unusual protocol: what matters is whether it loads
            try:
                return load(mmap=True)
            except RuntimeError:  # files of torch before 1.6 cannot be mapped
                return load()
    except Exception as e:  # a damaged file can fail anywhere
        raise WeightsError(f"{path}: {_refusal(e)}") from None


def _refusal(error: Exception) -> str:
    text = str(error)
    if isinstance(error, pickle.UnpicklingError) and "Unsupported operand" not in text:
        named = re.search(r"GLOBAL (\S+)", text)
        return f"this file needs code to load; save a state_dict{f' (it calls {named[1]})' if named else ''}"
    why = next(iter(text.splitlines()), "") or type(error).__name__
    return "this is no file of torch.save, or a damaged one" + ("" if "weights_only" in why else f" ({why})")


def _no_state_dict(path: Path, content: Mapping[Any, Any], key: Any, value: Any) -> str:
    inner = next((k for k in ("state_dict", "model", "model_state_dict") if isinstance(content.get(k), Mapping)), None)
    if inner:
        return f"{path} is a checkpoint: its state_dict stands under {inner!r}; save that alone"
    return f"{path} is no state_dict: under {key!r} it holds a {type(value).__name__}, not a tensor"


def _torch_tensor(path: Path, key: str, value: Tensor) -> Stored:
    import torch

    if value.layout != torch.strided or value.is_quantized or value.is_complex() or value.is_meta:
        raise WeightsError(f"{path}: `{key}` is sparse, quantized, complex or empty of data; save it as a dense tensor")

    def read() -> Array:
        plain = value.detach()
        return (plain.float() if plain.is_floating_point() else plain).numpy()

    return Stored(tuple(value.shape), not value.is_floating_point(), read)


READERS: dict[str, Callable[[Path], Tensors]] = {
    ".safetensors": _load_safetensors,
    ".pth": _load_torch,
    ".pt": _load_torch,
}


# --- checking against a network ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A tensor under the right key, of a wrong shape or type."""

    key: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"`{self.key}` is {self.found}, not {self.expected}"


@dataclass(frozen=True)
class Report:
    """How the tensors of a file compare with the state_dict of a network. ``expected`` counts the network's keys."""

    expected: int
    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[Mismatch, ...]

    @property
    def ok(self) -> bool:
        return not (self.missing or self.unexpected or self.mismatched)

    def __str__(self) -> str:
        """The differences, the first few of each kind, and what may have led to them."""
        close = {key: get_close_matches(key, self.unexpected, 1, 0.8) for key in self.missing[:SHOWN]}
        lines = [f"{len(self.loaded)} of {self.expected} weights fit"]
        lines += _listed("missing", self.missing, [f"`{k}`" + _hint(close[k]) for k in self.missing[:SHOWN]])
        lines += _listed("unexpected", self.unexpected, [f"`{k}`" for k in self.unexpected[:SHOWN]])
        lines += _listed("of another shape or type", self.mismatched, [str(m) for m in self.mismatched[:SHOWN]])
        return "\n".join([*lines, *self._help()])

    def _help(self) -> list[str]:
        for prefix in ("module.", "_orig_mod."):
            if self.unexpected and all(key.startswith(prefix) for key in self.unexpected):
                return [f"help: every key begins with `{prefix}`: save the state_dict of the module inside the wrapper"]
        heads = [m.key for m in self.mismatched]
        if heads and not self.missing and not self.unexpected and len(heads) <= 4:
            return ["help: only a few shapes differ: was the file made with other parameters (say, num_classes)?"]
        if self.missing and all(key.endswith("num_batches_tracked") for key in self.missing) and not self.unexpected:
            return ["help: the file was saved by a PyTorch before 0.4.1: load it there and save it again"]
        return []


def match(graph: Graph, tensors: Mapping[str, Array]) -> Report:
    """Compare keys, shapes and types with those of the graph's state_dict; every difference counts."""
    entries = {entry.key: entry.weight for entry in graph.state}
    loaded: list[str] = []
    mismatched: list[Mismatch] = []
    for key, weight in entries.items():
        if key not in tensors:
            continue
        shape, integer = _form(tensors, key)
        expected, found = _described(weight.shape, weight.dtype == "int64"), _described(shape, integer)
        if expected == found:
            loaded.append(key)
        else:
            mismatched.append(Mismatch(key, expected, found))
    missing = tuple(key for key in entries if key not in tensors)
    unexpected = tuple(key for key in tensors if key not in entries)
    return Report(len(entries), tuple(loaded), missing, unexpected, tuple(mismatched))


def check(graph: Graph, tensors: Mapping[str, Array]) -> Report:
    """As ``match``, but raises WeightsError where anything differs."""
    report = match(graph, tensors)
    if not report.ok:
        source = tensors.path if isinstance(tensors, Tensors) else "the weights"
        raise WeightsError(f"{source} and {graph.variant or graph.name} do not fit together: {report}")
    return report


def _form(tensors: Mapping[str, Array], key: str) -> tuple[tuple[int, ...], bool]:
    """Shape of a tensor, and whether it holds integers; known of a file's tensors without reading them."""
    if isinstance(tensors, Tensors):
        stored = tensors.stored[key]
        return stored.shape, stored.integer
    value = tensors[key]
    return tuple(value.shape), value.dtype.kind in "iub"


def _described(shape: tuple[int, ...], integer: bool) -> str:
    return ("integer " if integer else "") + (" × ".join(map(str, shape)) or "scalar")


def _listed(what: str, keys: Iterable[object], shown: list[str]) -> list[str]:
    count = len(list(keys))
    if not count:
        return []
    more = [f"… and {count - len(shown)} more"] if count > len(shown) else []
    return [f"  {count} {what}:", *(f"    {line}" for line in [*shown, *more])]


def _hint(close: list[str]) -> str:
    return f" (did you mean `{close[0]}`, which the file has?)" if close else ""


# --- writing ----------------------------------------------------------------------------------------------------------

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
