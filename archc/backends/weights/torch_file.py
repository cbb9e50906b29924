"""``.pth`` and ``.pt``: what ``torch.save`` writes, a state_dict or a checkpoint that holds one."""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archc.backends.weights.checkpoint import chosen
from archc.backends.weights.tensors import Array, Stored, Tensors, WeightsError

if TYPE_CHECKING:
    from torch import Tensor


def load(path: Path, *, averaged: bool = False) -> Tensors:
    """The tensors of a file, mapped where its format allows it; needs torch. Raises WeightsError."""
    try:
        import torch
    except ImportError:
        raise WeightsError(
            f"reading {path} needs PyTorch: install archc[torch], or save the weights as .safetensors"
        ) from None
    state, notes = chosen(str(path), _unpickled(path), lambda value: isinstance(value, torch.Tensor), averaged=averaged)
    return Tensors(str(path), {key: stored(str(path), key, value) for key, value in state.items()}, notes=notes)


def _unpickled(path: Path) -> Any:
    """What the file holds, tensors and plain containers only: torch refuses all else before it runs."""
    from argparse import Namespace

    import torch

    load: Callable[..., Any] = partial(torch.load, path, map_location="cpu", weights_only=True)
    try:
        # What torchvision's training scripts save holds their arguments beside the weights: plain data in a class.
        with warnings.catch_warnings(), torch.serialization.safe_globals([Namespace]):
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
    why = next(iter(text.splitlines()), "").split(". ")[0] or type(error).__name__
    return "this is no file of torch.save, or a damaged one" + ("" if "weights_only" in why else f" ({why})")


def stored(source: str, key: str, value: Tensor) -> Stored:
    """A tensor of torch's. Raises WeightsError where it is of no plain kind."""
    import torch

    if value.layout != torch.strided or value.is_quantized or value.is_complex() or value.is_meta:
        raise WeightsError(
            f"{source}: `{key}` is sparse, quantized, complex or empty of data; save it as a dense tensor"
        )

    def read() -> Array:
        plain = value.detach().cpu()
        return (plain.float() if plain.is_floating_point() else plain).numpy()

    return Stored(tuple(value.shape), not value.is_floating_point(), read)
