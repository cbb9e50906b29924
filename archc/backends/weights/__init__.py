"""Reading and writing files of weights, without running any code that they hold.

Floating-point tensors come out as float32 whatever the file's precision; integers come out as they are. What a file is
of a network is said in ``loading``, from an ``examination`` of the file to a report of how it fits (``fit``).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from archc.backends.weights import safetensors, torch_file
from archc.backends.weights.safetensors import little_endian, save
from archc.backends.weights.tensors import Array, Stored, Tensors, WeightsError, as_float32

__all__ = ["Array", "Stored", "Tensors", "WeightsError", "little_endian", "load", "save", "tensors_of"]

SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt", ".bin", ".tar")  # the last are torch.save's too, by custom


def load(path: str | os.PathLike[str], *, ema: bool = False) -> Tensors:
    """The tensors of a ``.safetensors`` file, or of one that torch.save wrote, read lazily; its start says which it is.

    Of a checkpoint it is those of its state_dict, or, with ``ema``, those of the averaged one. Raises WeightsError.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise WeightsError(f"{path}: weights are read from files that end in {', '.join(SUFFIXES)}")
    if not _is_safetensors(path):
        return torch_file.load(path, averaged=ema)
    if ema:
        raise WeightsError(f"{path} holds one set of weights, and no averaged ones beside it")
    return safetensors.load(path)


def _is_safetensors(path: Path) -> bool:
    """What the file is; its name decides where its first bytes don't. Raises WeightsError if it can't be read."""
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):  # to open a pipe would wait for who writes to it
            raise WeightsError(f"cannot read {path}: it is no regular file")
        with path.open("rb") as file:
            start = file.read(9)
    except OSError as e:
        raise WeightsError(f"cannot read {path}: {(e.strerror or str(e)).lower()}") from None
    if start[8:] == b"{":  # after the header's size
        return True
    named = path.suffix.lower() == ".safetensors"
    if named and start.startswith((b"PK", b"\x80")):  # torch goes by the name, and would not read it
        raise WeightsError(f"{path} is a file of torch.save by another name; rename it to .pth")
    return named


def tensors_of(weights: Mapping[str, Any], source: str = "the weights") -> Tensors:
    """A state_dict at hand, of arrays or of torch's tensors. Raises WeightsError."""
    if isinstance(weights, Tensors):
        return weights
    torch = sys.modules.get("torch")  # who has not imported it has no tensors
    stored: dict[str, Stored] = {}
    for key, value in weights.items():
        if torch is not None and isinstance(value, torch.Tensor):
            stored[key] = torch_file.stored(source, key, value)
            continue
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise WeightsError(f"{source}: `{key}` is of type {array.dtype}, which is not read")
        stored[key] = Stored(array.shape, array.dtype.kind != "f", partial(as_float32, array))
    return Tensors(source, stored)
