"""Inputs for a model: their shapes, and numbers to fill them with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archc.runtime.errors import ModelError
from archc.runtime.ort import TensorInfo
from archc.runtime.sizes import Size, Sizes, size_of, sizes_by_input
from archc.runtime.tensors import random_array

Array = NDArray[Any]
Shape = tuple[int, ...]


def input_shapes(inputs: Mapping[str, TensorInfo], batch: int, sizes: Sizes | None = None) -> dict[str, Shape]:
    """The shape of every input at this batch; ``sizes`` fills in what the model leaves free.

    Raises ModelError where the model's batch is another, where a free size is not given, and where one is given that
    the model does not take.
    """
    given = sizes_by_input(sizes or {}, inputs)
    return {name: _shape(name, info, batch, given) for name, info in inputs.items()}


def random_inputs(
    inputs: Mapping[str, TensorInfo], shapes: Mapping[str, Sequence[int]], seed: int = 0
) -> dict[str, Array]:
    """Numbers for each input, by the seed: ``archc.runtime.tensors.random_array``."""
    rng = np.random.default_rng(seed)
    return {name: random_array(rng, shapes[name], info.dtype) for name, info in inputs.items()}


def _shape(name: str, info: TensorInfo, batch: int, given: Mapping[str, Size]) -> Shape:
    if not info.shape:
        return ()
    first = info.shape[0]
    if isinstance(first, int) and first != batch:
        raise ModelError(f"the model takes batches of {first}, not of {batch}", f"--batch {first}")
    return (batch, *size_of(name, info, given))
