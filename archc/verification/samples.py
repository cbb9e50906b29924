"""What is compared on: random numbers, and images of the caller's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from archc.backends.onnx.lower import type_of
from archc.backends.onnx.source import Source, inputs_alone
from archc.backends.weights import Array
from archc.display.names import some
from archc.graph.graph import Graph
from archc.runtime.errors import ModelError
from archc.runtime.inputs import Inputs, Refused, Sample

Arrays = Mapping[str, Array]
Kind = Literal["random", "images"]

OPTION = "--images"
HINT = "--images folder:PATH takes images, --images FILE.npy or .npz arrays that are preprocessed"
OCTAVES = (2, 4, 8, 16, 32)


@dataclass(frozen=True)
class Samples:
    """Input → numbers, the samples on axis 0; and what could not be used."""

    kind: Kind
    arrays: Arrays
    refused: tuple[str, ...] = field(default=())

    @property
    def count(self) -> int:
        return len(next(iter(self.arrays.values())))

    def first(self, count: int) -> dict[str, Array]:
        """So many of them, from the start."""
        return {name: array[:count] for name, array in self.arrays.items()}


def random_samples(shapes: Mapping[str, Sequence[int]], count: int, seed: int) -> Samples:
    """Random numbers for inputs of these sizes, of mean 0 and variance 1.

    Maps are smooth, their amplitude halved from octave to octave about as in photographs: white noise a network would
    average away, and say nearly the same of each.
    """
    rng = np.random.default_rng(seed)
    return Samples("random", {name: _random(rng, (count, *sizes)) for name, sizes in shapes.items()})


def _random(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    if len(shape) != 4:
        return rng.standard_normal(shape, np.float32)
    made = np.zeros(shape, np.float32)
    for size in OCTAVES:
        coarse = rng.standard_normal((*shape[:2], size, size), np.float32)
        rows, columns = (_interpolation(side, size) for side in shape[2:])
        made += rows @ coarse @ columns.T / np.float32(size)
    return (made - made.mean((0, 2, 3), keepdims=True)) / made.std((0, 2, 3), keepdims=True)


def _interpolation(size: int, of: int) -> Array:
    """The matrix by which ``of`` numbers become ``size``, linearly."""
    places = np.clip((np.arange(size) + 0.5) * of / size - 0.5, 0, of - 1)
    return np.maximum(0, 1 - np.abs(places[:, None] - np.arange(of))).astype(np.float32)


def for_network(graph: Graph, source: str, limit: int) -> Samples:
    """Samples of ``--images``, prepared as the spec's `preprocess` says. Raises RequestError."""
    session = inputs_alone({name: type_of(tensor.shape) for name, tensor in graph.inputs.items()})
    return read(Source(OPTION, source).inputs(session, graph.preprocess), source, limit)


def read(inputs: Inputs, text: str, limit: int) -> Samples:
    """At most ``limit`` samples of a folder of images, spread evenly over it, or of a file of arrays.

    Those of other sizes than the first are left out. Raises RequestError where nothing is left.
    """
    source = Source(OPTION, text)
    try:
        found = list(source.items(inputs, limit))
    except ModelError as e:
        raise source.error(e.message, e.hint or HINT) from e
    taken = [item for item in found if isinstance(item, Sample)]
    refused = [f"{item.name}: {item.why}" for item in found if isinstance(item, Refused)]
    alike = [item for item in taken if _shapes(item) == _shapes(taken[0])]
    refused += [f"{item.name}: of another size than {taken[0].name}" for item in taken if item not in alike]
    if not alike:
        raise source.error(f"nothing in it can be used: {some(refused) or _nothing(source)}", HINT)
    for item in alike:
        source.check_finite(item)
    arrays = {name: np.stack([item.arrays[name] for item in alike]) for name in alike[0].arrays}
    return Samples("images", arrays, tuple(refused))


def _nothing(source: Source) -> str:
    return "there are no images in it" if source.path.is_dir() else "it is empty"


def _shapes(item: Sample) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in item.arrays.items()}
