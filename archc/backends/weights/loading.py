"""From a file of weights to those of a network: what a file may be made otherwise is recognised, and said."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from archc.backends.weights import Array, Tensors, WeightsError, save
from archc.backends.weights.examination import Examination, Recompile
from archc.backends.weights.fit import Report
from archc.backends.weights.metadata import written
from archc.graph.graph import Graph
from archc.ops.base import Weight


@dataclass(frozen=True, eq=False)
class Loaded(Mapping[str, Array]):
    """The weights of ``graph``: state_dict key → numbers, of the file where it has them, else as weights start.

    Each is read when it is asked for. ``changes`` are the parameters by which the graph differs from the one that was
    asked for, since the file is of them. ``origins`` maps the names of the file's tensors, as the network's are
    written, to those that they have in the file.
    """

    graph: Graph
    changes: Mapping[str, Any]
    report: Report
    tensors: Tensors
    origins: Mapping[str, str]
    seed: int

    def __getitem__(self, key: str) -> Array:
        weight = self.weights[key]
        if key in self._read:
            with np.errstate(invalid="ignore"):  # a count too large for half precision is infinite there
                return np.asarray(self.tensors[self.origins[key]], weight.dtype)
        return np.zeros(weight.shape, weight.dtype) if key in self.report.counters else self._start[key]

    @cached_property
    def weights(self) -> Mapping[str, Weight]:
        """The network's keys and what stands under each."""
        return {entry.key: entry.weight for entry in self.graph.state}

    @cached_property
    def _read(self) -> frozenset[str]:
        return frozenset(self.report.loaded)

    @cached_property
    def _start(self) -> Mapping[str, Array]:
        from archc.backends.init import InitialValues

        return InitialValues(self.graph, self.seed)

    def __iter__(self) -> Iterator[str]:
        return iter(self.weights)

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def origin(self) -> str:
        """Where the weights are from, in words."""
        started = len(self.report.started)
        return "from a file" + (f", {started} of {len(self)} random, seed {self.seed}" if started else "")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write them as ``.safetensors``, whole or not at all, with what they are of. Raises WriteError."""
        save(path, self, written(self.graph))


def load(
    graph: Graph,
    tensors: Tensors,
    *,
    given: Mapping[str, Any] | None = None,
    recompile: Recompile | None = None,
    partial: bool = False,
    other_structure: bool = False,
    seed: int = 0,
) -> Loaded:
    """As ``examine``; raises WeightsError where the file is not the network's.

    ``partial`` takes what fits of any file that has some of the weights. ``other_structure`` takes a file that archc
    wrote from a network that computes something else, if the keys and shapes are those of this one.
    """
    found = examine(graph, tensors, given=given, recompile=recompile, seed=seed)
    report, name = found.report, graph.variant or graph.name
    if report.takes(partial=partial, other_structure=other_structure):
        return found
    if partial:
        raise WeightsError(f"{tensors.source} has none of the weights of {name}: {report}")
    if report.made is not None and not report.made.same and not other_structure:
        first, *rest = report.made.differs(name, fits=report.fits)
        raise WeightsError("\n".join([f"{tensors.source} {first}", *rest]))
    raise WeightsError(f"{tensors.source} and {name} do not fit together: {report}")


def examine(
    graph: Graph,
    tensors: Tensors,
    *,
    given: Mapping[str, Any] | None = None,
    recompile: Recompile | None = None,
    seed: int = 0,
) -> Loaded:
    """What a file would load into a network, and the weights if it is loaded as far as it fits.

    ``given`` are the parameters that the caller chose, ``recompile`` gives the network with others: without it a file
    changes none.
    """
    seen = Examination(graph, tensors, given or {}, recompile)
    return Loaded(seen.graph, seen.changes, seen.report, tensors, seen.keys, seed)
