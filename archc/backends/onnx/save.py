"""A network as an ONNX file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from archc.backends.onnx import write as files
from archc.backends.onnx.export import Export
from archc.backends.onnx.finite import NotFinite
from archc.backends.onnx.kernels import without_kernel
from archc.backends.onnx.model import IR_VERSION, build
from archc.backends.onnx.passes.base import Applied
from archc.backends.onnx.profiles import CUDA
from archc.backends.weights.fit import Report
from archc.graph.graph import Graph
from archc.runtime.kernels import Missing


@dataclass(frozen=True)
class OnnxReport:
    """What was written. Shapes have the batch, ``N``, in front; ``size`` is in bytes, of all files together."""

    path: Path
    files: tuple[Path, ...]
    size: int
    opset: int
    ir_version: int
    profile: str
    inputs: dict[str, tuple[int | str, ...]]
    outputs: dict[str, tuple[int | str, ...]]
    passes: tuple[Applied, ...]  # what each pass did
    without_kernel: tuple[Missing, ...]  # nodes of a CUDA profile that would run on the CPU, or fall apart
    folded: int  # batch norms, and other affine ops, worked into the layer before them
    weights: Report | None  # None: random
    seed: int | None  # of random weights
    not_finite: tuple[str, ...]  # weights that hold NaN or infinities

    @property
    def random(self) -> bool:
        """Whether the weights are random, no file being given."""
        return self.weights is None


def save(
    graph: Graph,
    path: str | os.PathLike[str],
    *,
    weights: Mapping[str, Any] | None = None,
    seed: int = 0,
    external_data_from: int | None = None,
    export: Export | None = None,
) -> OnnxReport:
    """Write the network as ONNX to ``path``; the same call writes the same bytes.

    ``weights`` maps the state_dict's keys, all of them and no others, to arrays or torch's tensors
    (``archc.backends.weights.load`` reads a file of them), or is what ``archc.backends.weights.loading`` made of it;
    without, they start by ``init`` from ``seed``. ``export`` says for which target; by default for any. Weights of
    ``external_data_from`` bytes or more in all (by default what the target's profile says), or too many for one proto
    (2 GiB), go into a file beside the model.
    Raises WeightsError and WriteError.
    """
    path = Path(path)
    export = export or Export.of()
    if external_data_from is None:
        external_data_from = export.profile.external_data_from
    broken = NotFinite()
    with np.errstate(all="ignore"):  # what is no number in the end is told
        built = build(graph, weights=weights, seed=seed, export=export)
        model = replace(built.model, initializers=broken.watching(built.model.initializers))
        written = files.write(model, path, external_data_from)
    return OnnxReport(
        path=path,
        files=written,
        size=sum(file.stat().st_size for file in written),
        opset=built.program.opsets[""],
        ir_version=IR_VERSION,
        profile=export.profile.name,
        inputs={name: type.shape for name, type in built.program.inputs.items()},
        outputs={name: type.shape for name, type in built.program.outputs.items()},
        passes=built.applied,
        without_kernel=tuple(without_kernel(built.program, CUDA)) if export.profile.provider == CUDA else (),
        folded=len(built.folded),
        weights=built.weights,
        seed=seed if weights is None else None,
        not_finite=tuple(broken.names),
    )
