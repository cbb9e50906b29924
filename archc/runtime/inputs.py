"""What a model is run on: image files and folders of them, arrays in .npy and .npz, or random numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast
from zipfile import BadZipFile

import numpy as np

from archc.display.names import listed
from archc.runtime.errors import ModelError
from archc.runtime.metadata import embedded
from archc.runtime.sizes import Sizes, fits, shape_text, size_of, sizes_by_input
from archc.runtime.tensors import BFLOAT16, numpy_type, random_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from archc.runtime.ort import TensorInfo
    from archc.runtime.session import Session

_T = TypeVar("_T")

MAPPED = 64 << 20  # bytes of a .npy that is not read as a whole, but sample by sample
ARRAYS = frozenset((".npy", ".npz"))
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "color": "rgb"}


@dataclass(frozen=True)
class Sample:
    """One thing to run the model on: input → array without the batch, in the type that the model takes.

    An input that is one number has no batch, and is the same for all that run together.
    """

    name: str
    arrays: Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Refused:
    """A file that can't be used, and why."""

    name: str
    why: str


Item = Sample | Refused
Image = Callable[[Path | BinaryIO], "dict[str, NDArray[Any]]"]  # an image file to the model's one input


class Inputs:
    """What of files and random numbers a session can be given.

    ``preprocess`` goes before what the model's metadata says of it; ``sizes`` are those, without the batch, of inputs
    whose declared sizes are free, by input.
    """

    def __init__(
        self, session: Session, preprocess: Mapping[str, Any] | None = None, sizes: Sizes | None = None
    ) -> None:
        self._inputs, self._metadata = session.inputs, session.metadata
        self._preprocess, self._sizes = preprocess, sizes_by_input(sizes or {}, self._inputs)

    def random(self, count: int, seed: int) -> Iterator[Item]:
        """``count`` samples of ``random_array``, by the seed. Raises ModelError where a size is not known."""
        rng = np.random.default_rng(seed)
        shapes = {name: size_of(name, self._inputs[name], self._sizes) for name in self._inputs}

        def arrays() -> dict[str, NDArray[Any]]:
            return {name: random_array(rng, shapes[name], info.dtype) for name, info in self._inputs.items()}

        return (Sample(f"random {i}", arrays()) for i in range(count))

    def files(self, paths: Sequence[Path], limit: int | None = None) -> Iterator[Item]:
        """What the files hold, and the images in the folders; of an array at most ``limit`` entries, spread over it.

        Raises ModelError for what could never be used.
        """
        found = [file for path in paths for file in _files(path)]
        image = self.image() if any(file.suffix.lower() not in ARRAYS for file in found) else None
        return (item for file in found for item in self._items(file, image, limit))

    def _items(self, file: Path, image: Image | None, limit: int | None) -> Iterator[Item]:
        try:
            if image is None or file.suffix.lower() in ARRAYS:
                yield from self._arrays(file, limit)
            else:
                yield Sample(str(file), image(file))
        except ModelError as e:
            yield Refused(str(file), e.message.removeprefix(f"{file}: "))

    def image(self) -> Image:
        """How an image, in a file or a stream, becomes the model's one input, without the batch.

        Raises ModelError for a model that takes no images or does not say how; what it gives raises ImageError.
        """
        from archc.runtime.images import Preprocess, open_image, pixels

        if len(self._inputs) != 1:
            raise ModelError(f"the model has {len(self._inputs)} inputs", f"give a .npz with {listed([*self._inputs])}")
        ((name, info),) = self._inputs.items()
        if takes_images(info, self._metadata):
            channels = info.shape[-1] if isinstance(info.shape[-1], int) else 3
            return lambda source: {name: pixels(open_image(source), channels)}
        shape = size_of(name, info, self._sizes)
        if len(shape) != 3:
            raise ModelError(f"input `{name}` is {shape_text(info.shape)}, no image", "give arrays: .npy or .npz")
        prepare = Preprocess.of(self._said(name), (shape[0], shape[1], shape[2]))
        return lambda source: {name: _cast(prepare(open_image(source)), info.dtype)}

    def _said(self, name: str) -> Mapping[str, Any]:
        """`preprocess` as the caller gives it, or as the model's metadata has it."""
        if self._preprocess is not None:
            return self._preprocess
        text = self._metadata.get("preprocess")
        if not text:
            raise ModelError(
                "the model does not say how images become its input",
                "--preprocess imagenet, or --preprocess '{resize: 256, mean: […], std: […]}'; or give arrays (.npy)",
            )
        try:
            said = json.loads(text)
        except (ValueError, RecursionError) as e:
            raise ModelError("the model's metadata `preprocess` is no JSON", "--preprocess says it anew") from e
        of_input = cast(dict[str, Any], said).get(name, said) if isinstance(said, dict) else None
        if not isinstance(of_input, dict):
            raise ModelError("the model's metadata `preprocess` is no mapping", "--preprocess says it anew")
        return cast(dict[str, Any], of_input)

    def _arrays(self, path: Path, limit: int | None) -> Iterator[Sample]:
        """A sample for each entry of the batch."""
        arrays = self._named(_load(path))
        types = {name: _type(name, a, self._inputs[name]) for name, a in arrays.items()}
        counts = {name: len(array) for name, array in arrays.items() if array.ndim}
        if len(set(counts.values())) > 1:
            raise ModelError(f"its arrays are batches of different sizes: {counts}")
        if not (count := next(iter(counts.values()), 1)):
            raise ModelError("it holds a batch of none")
        for i in spread(range(count), limit):
            # Each by itself: a file that is mapped into memory may be larger than that.
            one = {name: (a[i] if a.ndim else a).astype(types[name], copy=False) for name, a in arrays.items()}
            yield Sample(f"{path}[{i}]" if count > 1 else str(path), one)

    def _named(self, loaded: Any) -> dict[str, NDArray[Any]]:
        """By input, with a batch in front."""
        if not isinstance(loaded, dict):
            if len(self._inputs) != 1:
                raise ModelError(f"the model has {len(self._inputs)} inputs: {listed([*self._inputs])}; give a .npz")
            loaded = {next(iter(self._inputs)): loaded}
        given = cast("dict[str, NDArray[Any]]", loaded)
        if set(given) != set(self._inputs):
            raise ModelError(f"it holds {listed([*given])}, and the model takes {listed([*self._inputs])}")
        ranks = {name: len(info.shape) for name, info in self._inputs.items()}
        return {name: array[None] if array.ndim == ranks[name] - 1 else array for name, array in given.items()}


def spread(items: Sequence[_T], limit: int | None) -> list[_T]:
    """At most so many, evenly over all there are; None: all."""
    count = len(items) if limit is None else min(limit, len(items))
    return [items[i * len(items) // count] for i in range(count)]


def takes_images(info: TensorInfo, metadata: Mapping[str, str]) -> bool:
    """Whether an input takes bytes as they are in images, height × width × channels: preprocessing is in the graph."""
    nhwc = len(info.shape) == 4 and info.shape[-1] in (1, 3)
    return info.dtype == "uint8" and (nhwc or "preprocess" in embedded(metadata))


def imagenet(shape: Sequence[int | str | None]) -> dict[str, Any]:
    """`preprocess` of the networks that were trained on ImageNet: scaled to 8/7 of the input, as 256 is of 224."""
    sides = [size for size in shape[-2:] if isinstance(size, int)]
    return {**IMAGENET, **({"resize": max(sides) * 8 // 7} if sides else {})}


def _files(path: Path) -> list[Path]:
    """The file itself; of a folder the images in it and below, by name. Raises ModelError."""
    if not path.exists():
        raise ModelError(f"{path}: there is no such file")
    if not path.is_dir():
        return [path]
    found = images_in(path)
    if not found:
        from archc.runtime.images import SUFFIXES

        raise ModelError(f"{path}: no images in it", f"looked for {', '.join(sorted(SUFFIXES))}")
    return found


def images_in(folder: Path) -> list[Path]:
    """The images in a folder and below, by name."""
    from archc.runtime.images import SUFFIXES

    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def _load(path: Path) -> Any:
    """The array of a .npy, or name → array of a .npz; nothing in them is run. Raises ModelError."""
    try:
        if path.suffix.lower() == ".npy" and path.stat().st_size >= MAPPED:
            return np.lib.format.open_memmap(path, mode="r")
        with path.open("rb") as file:  # numpy leaves one open that it can't read
            loaded: Any = np.load(file, allow_pickle=False)
            return {name: loaded[name] for name in loaded.files} if hasattr(loaded, "files") else loaded
    except FileNotFoundError as e:
        raise ModelError("there is no such file") from e
    except (OSError, ValueError, EOFError, BadZipFile, KeyError) as e:
        raise ModelError(f"is no array that can be read: {e}") from e


def _type(name: str, array: NDArray[Any], info: TensorInfo) -> np.dtype[Any]:
    """The type in which the input takes the array, where it takes numbers of its kind. Raises ModelError."""
    wanted = numpy_type(info.dtype)
    if array.ndim != len(info.shape) or not fits(array.shape[1:], info.shape[1:]):
        shape = shape_text(tuple(array.shape))
        raise ModelError(f"input `{name}` is {shape_text(info.shape)}, and the array is {shape}")
    if array.dtype.kind != wanted.kind:
        raise ModelError(f"input `{name}` takes {info.dtype}, and the array is {array.dtype}")
    return wanted


def _cast(array: NDArray[np.float32], dtype: str) -> NDArray[Any]:
    return array if dtype == BFLOAT16 else array.astype(dtype)
