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
        free = [name for name, info in inputs.items() if not _fixed(info)] or [*inputs]
        named = " ".join(f"--input {_example(name, inputs[name])}" for name in free)
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
    if name in given:
        return given[name]
    if not _fixed(info):
        raise ModelError(
            f"input `{name}` is {shape_text(info.shape)}: its sizes are free",
            f"--input says which to take: --input {_example(name, info)}",
        )
    return tuple(size for size in info.shape[1:] if isinstance(size, int))


def fits(size: Sequence[int], declared: Sequence[int | str | None]) -> bool:
    """Whether an array of these sizes is what a model declares: as many, and equal where they are not free."""
    return len(size) == len(declared) and all(
        have == want or not isinstance(want, int) for have, want in zip(size, declared, strict=True)
    )


def shape_text(shape: Sequence[int | str | None]) -> str:
    """``[N, 3, 224, 224]``"""
    return f"[{', '.join('?' if size is None else str(size) for size in shape)}]"


def _fixed(info: TensorInfo) -> bool:
    return all(isinstance(size, int) for size in info.shape[1:])


def _example(name: str, info: TensorInfo) -> str:
    """What ``--input`` could say of an input: ``x=3x224x224``."""
    return f"{name}={'x'.join(str(size) if isinstance(size, int) else '224' for size in info.shape[1:])}"
