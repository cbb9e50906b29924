"""Inputs for a model: which sizes it takes, and numbers to fill them with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archc.runtime.errors import ModelError
from archc.runtime.ort import TensorInfo
from archc.runtime.tensors import BFLOAT16

Array = NDArray[Any]
Shape = tuple[int, ...]
Sizes = Mapping[str | None, Sequence[int]]  # name of an input, None for the one there is → its sizes without the batch


def input_shapes(inputs: Mapping[str, TensorInfo], batch: int, sizes: Sizes | None = None) -> dict[str, Shape]:
    """The shape of every input at this batch; ``sizes`` fills in what the model leaves free.

    Raises ModelError where the model's batch is another, where a free size is not given, and where one is given that
    the model does not take.
    """
    given = dict(sizes or {})
    if None in given:
        if len(inputs) > 1:
            raise ModelError("the model has several inputs", f"name them: {', '.join(f'{n}=3x96x96' for n in inputs)}")
        given[next(iter(inputs))] = given.pop(None)
    if unknown := [str(name) for name in given if name not in inputs]:
        raise ModelError(f"the model has no input {unknown[0]!r}", f"it has {', '.join(inputs)}")
    return {name: _shape(name, info, batch, given.get(name)) for name, info in inputs.items()}


def random_inputs(inputs: Mapping[str, TensorInfo], shapes: Mapping[str, Shape], seed: int = 0) -> dict[str, Array]:
    """Even random numbers: from 0 to 1 for real ones, from 0 to 255 for bytes, 0 and 1 for others.

    bfloat16, which numpy has not, is given as float32, as sessions take it.
    """
    rng = np.random.default_rng(seed)
    return {name: _random(rng, shapes[name], info.dtype) for name, info in inputs.items()}


def _shape(name: str, info: TensorInfo, batch: int, given: Sequence[int] | None) -> Shape:
    if not info.shape:
        return ()
    first, *rest = info.shape
    if isinstance(first, int) and first != batch:
        raise ModelError(f"the model takes batches of {first}, not of {batch}", f"--batch {first}")
    if given is None:
        if free := [str(size) for size in rest if not isinstance(size, int)]:
            raise ModelError(f"input {name!r} leaves {', '.join(free)} open", f"--input gives its sizes: {_hint(rest)}")
        return (batch, *(size for size in rest if isinstance(size, int)))
    fits = len(given) == len(rest) and all(not isinstance(r, int) or r == g for r, g in zip(rest, given, strict=True))
    if not fits:
        raise ModelError(f"input {name!r} takes {_text(rest)}, not {_text(given)}")
    return (batch, *given)


def _text(sizes: Sequence[int | str | None]) -> str:
    return "x".join("?" if size is None else str(size) for size in sizes)


def _hint(sizes: Sequence[int | str | None]) -> str:
    return "x".join(str(size) if isinstance(size, int) else "224" for size in sizes)


def _random(rng: np.random.Generator, shape: Shape, dtype: str) -> Array:
    kind = np.dtype("float32" if dtype == BFLOAT16 else dtype)
    if kind.kind == "f":
        return rng.random(shape, np.float32).astype(kind)
    return rng.integers(0, 256 if kind.itemsize == 1 and kind.kind == "u" else 2, shape).astype(kind)
