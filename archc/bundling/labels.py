"""The names of a model's classes, as files that Triton reads: one a line, in the order of the outputs' numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from archc.bundling.config import dims
from archc.bundling.model import ModelFile, TensorForm
from archc.runtime.errors import ModelError
from archc.runtime.metadata import labels


@dataclass(frozen=True)
class LabelFile:
    """A file and its text. ``output`` has a number for each of the names; None where no output has."""

    file: str
    text: str
    output: str | None


def of_model(model: ModelFile, *, batched: bool) -> tuple[tuple[LabelFile, ...], tuple[str, ...]]:
    """The files of labels, and which of them Triton has no use for.

    Those are written too: where a model picks the best classes itself, its callers look the names up.
    """
    named = _metadata(model)
    sizes = {output.name: _classes(output, batched=batched) for output in model.outputs}
    found: list[LabelFile] = []
    left: list[str] = []
    for number, (output, names) in enumerate(named.items()):
        fits = sizes.get(output) == len(names)
        file = LabelFile(_file_name(output, number, one=len(named) == 1), _lines(names), output if fits else None)
        found.append(file)
        if not fits:
            left.append(f"{file.file}: no output `{output}` has a number for each of the {len(names)} labels")
    return tuple(found), tuple(left)


def _metadata(model: ModelFile) -> Mapping[str, list[str]]:
    try:
        return {output: names for output, names in labels(model.metadata).items() if names}
    except ModelError:
        return {}  # metadata of another tool, which means something else by the word


def _classes(output: TensorForm, *, batched: bool) -> int:
    return prod(dims(output, batched=batched))


def _lines(names: list[str]) -> str:
    """A line for each; line breaks within a name would make two of it."""
    return "".join(re.sub(r"\s+", " ", name).strip() + "\n" for name in names)


def _file_name(output: str, number: int, *, one: bool) -> str:
    return "labels.txt" if one else f"labels_{number}_{re.sub(r'[^0-9A-Za-z_-]', '_', output)[:100]}.txt"
