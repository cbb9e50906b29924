"""``torch.onnx.export`` by both exporters, simplified by onnxslim where it is installed, run by onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import onnx as typed_onnx
import torch as typed_torch

from archc.measurement.binding import Bound
from archc.measurement.inputs import Array
from archc.measurement.rivals.base import Candidate, Case, RivalError
from archc.measurement.rivals.torch_module import check_inputs, quiet
from archc.runtime.session import Settings, open_session

torch: Any = typed_torch  # of both, some functions have types that are half unknown
onnx: Any = typed_onnx

_EXPORTERS = {"torch.onnx.export(dynamo=True)": True, "torch.onnx.export(dynamo=False)": False}


def candidates(case: Case) -> list[Candidate]:
    """With the default options of exporter, onnxslim and onnxruntime, in fp32; threads as everyone has them."""
    return [_candidate(case, name, dynamo) for name, dynamo in _EXPORTERS.items()]


def export(case: Case, path: Path, *, dynamo: bool) -> Path:
    """The network, exported to ``path`` and simplified, for the shapes of the case. Raises RivalError."""
    check_inputs(case)
    module = case.subject.known().module().eval()
    inputs = tuple(torch.from_numpy(array.astype("float32")) for array in case.inputs.values())
    names: dict[str, Any] = {"input_names": list(case.inputs), "output_names": list(case.outputs)}
    try:
        with quiet(), torch.no_grad():
            torch.onnx.export(module, inputs, str(path), dynamo=dynamo, **names)
            if slims():
                _slim(path)
    except Exception as e:
        raise RivalError(f"the export failed: {next(iter(str(e).splitlines()), type(e).__name__)}") from e
    return path


def slims() -> bool:
    """Whether onnxslim is there."""
    return find_spec("onnxslim") is not None


def _candidate(case: Case, name: str, dynamo: bool) -> Candidate:
    path = export(case, case.folder / f"export-{'dynamo' if dynamo else 'script'}.onnx", dynamo=dynamo)
    session = open_session(path, device=case.device, settings=Settings(intra_op_threads=case.threads))
    inputs = {theirs: _as(array) for theirs, array in zip(session.inputs, case.inputs.values(), strict=True)}
    run = Bound(session, inputs)

    def outputs() -> Mapping[str, Array]:
        return dict(zip(case.outputs, run.outputs().values(), strict=True))

    return Candidate(name + (" + onnxslim" if slims() else ""), name, "fp32", run, outputs, path)


def _as(array: Array) -> Array:
    return array.astype("float32")


def _slim(path: Path) -> None:
    slim: Any = import_module("onnxslim").slim
    onnx.save_model(slim(str(path)), str(path))
