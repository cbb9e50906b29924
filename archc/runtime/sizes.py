"""The sizes of a model's inputs: what it leaves free is given by the caller, by input and without the batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from archc.display.names import listed
from archc.runtime.errors import ModelError

if TYPE_CHECKING:
    from archc.runtime.ort import TensorInfo

Size = tuple[int, ...]
# Name of an input, None for the one there is → its sizes without the batch.
Sizes = Mapping[str | None, Sequence[int]] | Mapping[str, Sequence[int]]


def sizes_by_input(sizes: Sizes, inputs: Mapping[str, TensorInfo]) -> dict[str, Size]:
    """``sizes`` under the inputs' names. Raises ModelError where a name or a size is not the model's."""
    if None in sizes and len(inputs) > 1:
        named = " ".join(f"--input {name}=3x224x224" for name in inputs)
        raise ModelError(f"the model has {len(inputs)} inputs", f"name them: {named}")
    found = {name if name is not None else next(iter(inputs)): tuple(size) for name, size in sizes.items()}
    for name, size in found.items():
        if name not in inputs:
            raise ModelError(f"the model has no input `{name}`", f"it has {listed([*inputs])}")
        if not fits(size, inputs[name].shape[1:]):
            raise ModelError(f"input `{name}` is {shape_text(inputs[name].shape)}, and can't be {shape_text(size)}")
    return found


def size_of(name: str, info: TensorInfo, given: Mapping[str, Size]) -> Size:
    """An input's sizes without the batch: those given, or the model's own. Raises ModelError where these are free."""
    declared = info.shape[1:]
    if name in given:
        return given[name]
    fixed = tuple(size for size in declared if isinstance(size, int))
    if len(fixed) < len(declared):
        raise ModelError(
            f"input `{name}` is {shape_text(info.shape)}: its sizes are free",
            "--input says which to take: --input 3x224x224",
        )
    return fixed


def fits(size: Sequence[int], declared: Sequence[int | str | None]) -> bool:
    """Whether an array of these sizes is what a model declares: as many, and equal where they are not free."""
    return len(size) == len(declared) and all(
        have == want or not isinstance(want, int) for have, want in zip(size, declared, strict=True)
    )


def shape_text(shape: Sequence[int | str | None]) -> str:
    """``[N, 3, 224, 224]``"""
    return f"[{', '.join('?' if size is None else str(size) for size in shape)}]"
