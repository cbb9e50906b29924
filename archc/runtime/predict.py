"""A session run on many samples, in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import numpy as np

from archc.display.names import some
from archc.files import writing
from archc.runtime.errors import ModelError
from archc.runtime.inputs import Item, Refused, Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from archc.runtime.ort import TensorInfo
    from archc.runtime.session import Session

Arrays = dict[str, "NDArray[Any]"]


@dataclass(frozen=True)
class Run:
    """One run: the samples' names, and output → array. ``by_sample``: outputs with an entry for each sample."""

    names: tuple[str, ...]
    outputs: Arrays
    by_sample: frozenset[str]

    def of(self, i: int) -> Arrays:
        """The outputs of one sample; those that belong to the whole batch, whole."""
        return {name: array[i] if name in self.by_sample else array for name, array in self.outputs.items()}


def predict(session: Session, items: Iterable[Item], batch: int) -> Iterator[Run | Refused]:
    """Run the model on neighbours of equal shapes together, ``batch`` at most. Raises ModelError where it fails.

    A model whose batch is fixed is run on so many; what is missing in the last is filled up, and cut off again.
    """
    fixed = _fixed_batch(session)
    waiting: list[Sample] = []
    for item in items:
        if isinstance(item, Refused):
            yield item
            continue
        if waiting and (len(waiting) == (fixed or batch) or not _run_together(session, waiting[0], item)):
            yield _run(session, waiting, fixed)
            waiting = []
        waiting.append(item)
    if waiting:
        yield _run(session, waiting, fixed)


def _run(session: Session, samples: Sequence[Sample], fixed: int | None) -> Run:
    count = fixed or len(samples)
    padded = [*samples, *[samples[-1]] * (count - len(samples))]
    try:
        outputs = session.run({name: _batch(info, name, padded) for name, info in session.inputs.items()})
    except ModelError as e:
        raise ModelError(f"{some([s.name for s in samples])}: {e.message}", e.hint) from e
    by_sample = frozenset(name for name, array in outputs.items() if array.ndim and len(array) == count)
    cut = {name: array[: len(samples)] if name in by_sample else array for name, array in outputs.items()}
    return Run(tuple(s.name for s in samples), cut, by_sample)


def _fixed_batch(session: Session) -> int | None:
    """The batch that the model was made for, where it takes no other."""
    sizes = [info.shape[0] for info in session.inputs.values() if info.shape]
    return next((size for size in sizes if isinstance(size, int)), None)


def _batch(info: TensorInfo, name: str, samples: Sequence[Sample]) -> NDArray[Any]:
    arrays = [sample.arrays[name] for sample in samples]
    return np.stack(arrays) if info.shape else arrays[0]


def _run_together(session: Session, a: Sample, b: Sample) -> bool:
    """Whether their arrays have one shape, and where an input is one number for all, that number."""
    return all(
        a.arrays[name].shape == b.arrays[name].shape and (info.shape or a.arrays[name] == b.arrays[name])
        for name, info in session.inputs.items()
    )


def joined(runs: Sequence[Run]) -> Arrays:
    """The raw outputs of all runs as arrays to be saved; ``samples`` has the names, in order.

    Outputs of one shape a sample are joined along the batch; others are kept by run, as ``NAME.0``, ``NAME.1`` …
    """
    found: Arrays = {}
    for name in runs[0].outputs if runs else ():
        parts = [run.outputs[name] for run in runs]
        if all(name in run.by_sample for run in runs) and len({part.shape[1:] for part in parts}) == 1:
            found[name] = np.concatenate(parts)
        else:
            found |= {f"{name}.{i}": part for i, part in enumerate(parts)}
    key = "samples" if "samples" not in found else "samples_"
    return {**found, key: np.array([name for run in runs for name in run.names], dtype=np.str_)}


def save(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """A .npz of the arrays, whatever they are called (`numpy.savez` takes not every name). Raises WriteError."""
    with writing(path) as stream, ZipFile(stream, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
