"""The generated source as its user has it: a file, run by a fresh Python that has torch and no archc."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from archc.backends.weights import Array
from archc.files import write_text
from archc.network import Weighted
from archc.runtime.predict import save
from archc.verification.samples import Arrays

SCRIPT = Path(__file__).with_name("_run_source.py")

Outputs = dict[str, Array]
Job = tuple[Weighted, Sequence[Arrays]]  # a network, and batches of inputs


class SourceError(Exception):
    """The file does not run by itself."""


def run_sources(jobs: Sequence[Job]) -> list[list[Outputs]]:
    """What each network, written to a file and given its weights, makes of each of its batches, by output.

    All in one process, as fast as this one's threads go. Raises SourceError.
    """
    with TemporaryDirectory(prefix="archc-") as name:
        folders = [_written(job, Path(name) / str(i)) for i, job in enumerate(jobs)]
        command = [sys.executable, "-P", SCRIPT, str(torch.get_num_threads()), *folders]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise SourceError(_last_line(ran.stderr) or f"it ended with {ran.returncode}")
        return [_outputs(job, folder) for job, folder in zip(jobs, folders, strict=True)]


def _written(job: Job, folder: Path) -> Path:
    weighted, batches = job
    write_text(folder / "network.py", weighted.network.source())
    write_text(folder / "inputs.txt", "\n".join(weighted.network.graph.inputs))
    weighted.save(folder / "weights.safetensors")
    for i, arrays in enumerate(batches):
        save(folder / f"input{i}.npz", arrays)
    return folder


def _outputs(job: Job, folder: Path) -> list[Outputs]:
    weighted, batches = job
    return [_read(folder / f"output{i}.npz", list(weighted.network.graph.outputs)) for i in range(len(batches))]


def _read(path: Path, names: Sequence[str]) -> Outputs:
    with np.load(path, allow_pickle=False) as found:
        return {name: found[f"y{i}"] for i, name in enumerate(names)}


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""
