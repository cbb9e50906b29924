"""Reading and writing files of weights, without running any code that they hold.

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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archc.files import writing

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[Any]


class WeightsError(Exception):
    """Weights cannot be read, or are not those of the network."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One tensor of a file: its shape, whether it holds integers, and how to read it."""

    shape: tuple[int, ...]
    integer: bool
    read: Callable[[], Array]


class Tensors(Mapping[str, Array]):
    """Key → tensor, of a file or of what is at hand. It is read, and made float32, each time that it is asked for.

    ``source`` is what messages call the whole; ``metadata`` is that of the file.
    """

    def __init__(self, source: str, stored: Mapping[str, Stored], metadata: Mapping[str, str] | None = None) -> None:
        self.source, self.stored, self.metadata = source, stored, dict(metadata or {})

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
        stored[key] = _torch_tensor(str(path), key, value)
    return Tensors(str(path), stored)


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


def _torch_tensor(source: str, key: str, value: Tensor) -> Stored:
    import torch

    if value.layout != torch.strided or value.is_quantized or value.is_complex() or value.is_meta:
        raise WeightsError(
            f"{source}: `{key}` is sparse, quantized, complex or empty of data; save it as a dense tensor"
        )

    def read() -> Array:
        plain = value.detach().cpu()
        return (plain.float() if plain.is_floating_point() else plain).numpy()

    return Stored(tuple(value.shape), not value.is_floating_point(), read)


def tensors_of(weights: Mapping[str, Any], source: str = "the weights") -> Tensors:
    """A state_dict at hand, of arrays or of torch's tensors. Raises WeightsError."""
    if isinstance(weights, Tensors):
        return weights
    torch = sys.modules.get("torch")  # who has not imported it has no tensors
    stored: dict[str, Stored] = {}
    for key, value in weights.items():
        if torch is not None and isinstance(value, torch.Tensor):
            stored[key] = _torch_tensor(source, key, value)
            continue
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise WeightsError(f"{source}: `{key}` is of type {array.dtype}, which is not read")
        stored[key] = Stored(array.shape, array.dtype.kind != "f", partial(_float32, array))
    return Tensors(source, stored)


READERS: dict[str, Callable[[Path], Tensors]] = {
    ".safetensors": _load_safetensors,
    ".pth": _load_torch,
    ".pt": _load_torch,
}


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
