"""The module of the network that a model was made of, beside the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from archc.backends.onnx.calibration import Calibration
from archc.backends.onnx.export import Export
from archc.backends.onnx.lower import type_of
from archc.backends.onnx.model import build
from archc.backends.onnx.precision.samples import Samples as SampledFor
from archc.backends.onnx.source import inputs_alone
from archc.backends.weights import Array
from archc.diagnostics.diagnostic import RequestError
from archc.graph.graph import Graph
from archc.network import Weighted
from archc.recovery import recover
from archc.runtime.predict import save
from archc.runtime.session import open_session
from archc.verification.cases import Case, Outputs
from archc.verification.first import Search, Watched, named
from archc.verification.layers import tensors
from archc.verification.models import ModelInFile
from archc.verification.result import Blamed, Row, Tolerance, telling
from archc.verification.rounding import ROUNDED, Sensitivity, held
from archc.verification.samples import Arrays
from archc.verification.size import by_name

WHAT = "module"


def module_rows(model: ModelInFile, weighted: Weighted) -> Iterator[Row]:
    """The network's module, in fp32, against what the model gives as it stands."""
    tolerance = model.tolerance()
    module = weighted.module().eval()
    rows = [model.row(WHAT, "cpu", case, _run(module, case, model, weighted), tolerance) for case in model.cases]
    rows = _as_rounding_allows(model, weighted, rows)
    wrong = next((i for i, row in enumerate(rows) if not row.agrees), None)
    if wrong is not None:
        rows[wrong] = replace(rows[wrong], blamed=_blamed(model, weighted, model.cases[wrong], tolerance))
    yield from telling(rows, model.notes)


def _as_rounding_allows(model: ModelInFile, weighted: Weighted, rows: Sequence[Row]) -> list[Row]:
    """What is beyond its precision's own limit is held against what roundings cost this network."""
    if all(row.agrees for row in rows) or model.tolerance().precision not in ROUNDED:
        return list(rows)
    export = _export(model)
    if export is None:
        return list(rows)
    costs = _sensitivity(model, weighted, export)

    def allowed(tolerance: Tolerance, case: Case) -> Tolerance:
        return costs.allowed(tolerance, _in_fp32(case.inputs), case.expected)

    return held(rows, model.cases, allowed)


def _export(model: ModelInFile) -> Export | None:
    """What was asked for as the model was built; None where archc does not know it."""
    said = recover(model.file.path).export
    try:
        return Export.of(said.pop("profile", "portable"), **said)
    except (RequestError, TypeError):  # of a version that knew other arguments
        return None


def _sensitivity(model: ModelInFile, weighted: Weighted, export: Export) -> Sensitivity:
    """Of the network as the export rounds it.

    Random numbers that it was calibrated on are drawn again. Others are not at hand: the ranges are those on the
    samples that are compared on.
    """
    calibrated = _in_fp32(model.cases[-1].inputs)
    if export.calibration is not None and export.calibration.path is None:
        inputs = inputs_alone({name: type_of(x.shape) for name, x in weighted.network.graph.inputs.items()})
        drawn = list(SampledFor(export.calibration, inputs, {}))
        calibrated = {name: np.concatenate([one[name] for one in drawn]) for name in calibrated}
    with TemporaryDirectory(prefix="archc-") as folder:
        path = Path(folder) / "samples.npz"
        save(path, calibrated)
        again = export if export.calibration is None else replace(export, calibration=Calibration(str(path)))
        built = build(weighted.network.graph, weights=weighted.loaded, export=again)
    return Sensitivity.of(weighted, built.program, export.passes, calibrated)


def _run(module: Any, case: Case, model: ModelInFile, weighted: Weighted) -> Outputs:
    with torch.inference_mode():
        given = module(*tensors(_in_fp32(case.inputs)).values())
    return model.compared(by_name(given, weighted.network.graph))


def _in_fp32(inputs: Arrays) -> dict[str, Array]:
    return {name: x.astype(np.float32) for name, x in inputs.items()}


def _blamed(model: ModelInFile, weighted: Weighted, case: Case, tolerance: Tolerance) -> Blamed | None:
    """The first layer of which the model has something else."""
    graph = weighted.network.graph
    passes = model.session.metadata.get("passes", "").split()
    built = build(graph, weights=weighted.loaded, export=Export.of(only=passes))
    layers = named(built, _makers(model, graph))

    def run(part: Sequence[Watched]) -> Mapping[str, Array]:
        with TemporaryDirectory(prefix="archc-") as folder:
            path = model.file.showing([one.name for one in part], Path(folder))
            return open_session(path, settings=model.session.settings).run(case.inputs)

    return Search(graph, weighted.loaded, _in_fp32(case.inputs), tolerance).first(layers, run)


def _makers(model: ModelInFile, graph: Graph) -> dict[str, str]:
    """The model's tensors, each with the layer that makes it: nodes are named by it, and by their type within it."""
    paths = {node.path for node in graph.nodes}
    layers = {one.tensor: (one.node.name, one.node.name.rpartition(".")[0]) for one in model.file.made}
    return {tensor: next((name for name in names if name in paths), "") for tensor, names in layers.items()}
