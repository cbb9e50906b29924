"""What a model's outputs say: the best classes of a classifier, figures of anything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from archc.runtime.errors import ModelError
from archc.runtime.metadata import embedded
from archc.runtime.metadata import labels as metadata_labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from archc.runtime.ort import TensorInfo

_SUM = 0.01  # how far from 1 half-precision probabilities may add up


@dataclass(frozen=True)
class Guess:
    """A class and its score, 0 to 1 where the model gives probabilities or logits; ``label`` its name, if known."""

    index: int
    label: str | None
    score: float


class Classes:
    """Which outputs of a model are scores of classes, and what the classes are called."""

    def __init__(
        self, labels: Mapping[str, Sequence[str]], scores: Sequence[str], chosen: tuple[str, str] | None
    ) -> None:
        self._labels, self._scores, self._chosen = labels, scores, chosen

    @classmethod
    def of(
        cls, outputs: Mapping[str, TensorInfo], metadata: Mapping[str, str], names: Sequence[str] | None = None
    ) -> Classes:
        """Of a model's outputs and metadata; ``names`` go before those in the metadata.

        An output is scores where it is batch × classes and either has labels or is the only one. A model that gives
        its best classes itself has scores and, as integers, the classes. Raises ModelError.
        """
        chosen = _chosen(outputs, metadata)
        try:
            labels = metadata_labels(metadata)
        except ModelError:  # an entry of that name can be another tool's, in a form of its own
            if names is None:
                raise
            labels = {}
        floats = {name: info for name, info in outputs.items() if "float" in info.dtype}
        scores = [name for name, info in floats.items() if _classes(info) and (name in labels or len(outputs) == 1)]
        if names is not None:
            wanted = [chosen[0]] if chosen else scores
            if len(wanted) != 1:
                raise ModelError("labels are given, and the model has no one output of scores of classes")
            labels = {wanted[0]: list(names)}
        for name in scores:
            _check_count(name, outputs[name], labels.get(name))
        return cls(labels, [] if chosen else scores, chosen)

    def guesses(self, outputs: Mapping[str, NDArray[Any]], top: int) -> dict[str, list[Guess]]:
        """Output → the ``top`` best classes of one sample, the best first; without scores of which none is the best."""
        told = self.told(outputs)
        if not self._chosen:
            return {name: best(outputs[name], top, self._labels.get(name, ())) for name in self._scores if name in told}
        if not told:
            return {}
        scores, classes = (outputs[name] for name in self._chosen)
        names = next(iter(self._labels.values()), ())
        pairs = zip(classes.ravel().tolist(), scores.ravel().tolist(), strict=True)
        return {self._chosen[0]: [_guess(index, score, names) for index, score in list(pairs)[:top]]}

    @property
    def read(self) -> frozenset[str]:
        """The outputs that ``guesses`` tells of, where they are numbers."""
        return frozenset(self._chosen or self._scores)

    def told(self, outputs: Mapping[str, NDArray[Any]]) -> frozenset[str]:
        """Those that it tells of for these outputs of one sample."""
        if self._chosen:
            return self.read if _ranked(outputs[self._chosen[0]]) else frozenset()
        return frozenset(name for name in self._scores if _ranked(outputs[name]))


def best(scores: NDArray[Any], top: int, names: Sequence[str] = ()) -> list[Guess]:
    """The best classes of one sample's scores, the best first; equal ones in order of their index.

    Scores are shown as probabilities: as they are where they are none below 0 and add up to 1, else by a softmax.
    """
    chances = scores.ravel().astype(np.float64)
    order = np.argsort(-chances, kind="stable")[:top].tolist()  # a softmax makes near ones equal
    if not (np.all(chances >= 0) and abs(chances.sum() - 1) < _SUM):
        powers = np.exp(chances - chances.max())
        chances = powers / powers.sum()
    return [_guess(index, float(chances[index]), names) for index in order]


@dataclass(frozen=True)
class Figures:
    """Of an array: its shape and type, and over all of its finite numbers min, mean, max and standard deviation.

    ``unfit`` counts those that are infinite or no number.
    """

    shape: tuple[int, ...]
    dtype: str
    min: float | None
    mean: float | None
    max: float | None
    std: float | None
    unfit: int


def figures(array: NDArray[Any]) -> Figures:
    """What an array holds, in short."""
    numbers = array.astype(np.float64).ravel()
    finite = numbers[np.isfinite(numbers)]
    shape, dtype, unfit = tuple(array.shape), array.dtype.name, numbers.size - finite.size
    if not finite.size:
        return Figures(shape, dtype, None, None, None, None, unfit)
    low, mean, high, std = (float(value) for value in (finite.min(), finite.mean(), finite.max(), finite.std()))
    return Figures(shape, dtype, low, mean, high, std, unfit)


def read_labels(path: Path) -> list[str]:
    """The names of classes in a file, one a line. Raises ModelError."""
    try:
        names = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as e:
        raise ModelError(f"{path}: {getattr(e, 'strerror', None) or 'is no text in UTF-8'}") from e
    names = [name.strip() for name in names]
    while names and not names[-1]:
        names.pop()
    return names


def _chosen(outputs: Mapping[str, TensorInfo], metadata: Mapping[str, str]) -> tuple[str, str] | None:
    """The outputs of scores and of classes of a model that picks its best classes itself."""
    floats = [name for name, info in outputs.items() if "float" in info.dtype]
    ints = [name for name, info in outputs.items() if "int" in info.dtype]
    return (floats[0], ints[0]) if "topk" in embedded(metadata) and len(floats) == len(ints) == 1 else None


def _classes(info: TensorInfo) -> bool:
    """Whether an output is batch × classes; one number is no choice between classes."""
    return len(info.shape) == 2 and info.shape[1] not in (None, 0, 1)


def _ranked(scores: NDArray[Any]) -> bool:
    """Whether one of the scores is the best: with a NaN, an infinite one, or −∞ alone, none is."""
    return bool(np.isfinite(scores.astype(np.float64).max(initial=-np.inf)))


def _check_count(name: str, info: TensorInfo, labels: Sequence[str] | None) -> None:
    classes = info.shape[1]
    if labels is not None and isinstance(classes, int) and len(labels) != classes:
        raise ModelError(f"there are {len(labels)} labels, and output `{name}` has {classes} classes")


def _guess(index: int, score: float, names: Sequence[str]) -> Guess:
    return Guess(index, names[index] if 0 <= index < len(names) else None, score)
