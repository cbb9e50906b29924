"""``archc build`` and ``archc run`` as a user calls them: images in, on the device, outputs that are right."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from archc.backends.onnx.profiles import PROFILES
from archc.measurement.agreement import SAME_MODEL, agreement
from tests.gpu import subjects
from tests.gpu.scope import Job, Scope

ROOT = Path(__file__).parents[2]
IMAGES = 2


def outcome(job: Job, scope: Scope) -> dict[str, Any]:
    """``problem`` is None where all of it ran on the device, and gave there what it gives on the CPU."""
    with TemporaryDirectory(prefix="archc-") as name:
        folder = Path(name)
        subjects.weighted(job.network, scope.size).save(folder / "weights.safetensors")
        options = ["--profile", scope.profile, "--weights", f"{name}/weights.safetensors", "--out", name]
        options += ["--input", f"3x{scope.size}x{scope.size}"] if scope.size else []
        problem = _archc("build", job.network, "--to", "onnx", *options)[1]
        if problem is None:
            problem = _compared(folder / f"{job.network}.onnx", _pictures(folder), scope)
    return {"network": job.network, "profile": scope.profile, "problem": problem}


def _compared(model: Path, pictures: list[Path], scope: Scope) -> str | None:
    raw: list[dict[str, NDArray[Any]]] = []
    for device in (scope.device, "cpu"):
        out = model.with_name(f"{device}.npz")
        options = ["--device", device, "--format", "json", "--output", str(out)]
        text, problem = _archc("run", str(model), *map(str, pictures), *options)
        if problem is not None:
            return problem
        said = json.loads(text)
        if said["device"] != device or said["errors"] or len(said["results"]) != len(pictures):
            return f"archc run --device {device} says that it ran on {said['device']}: {said['errors']}"
        with np.load(out) as saved:
            raw.append({key: saved[key] for key in saved if key != "samples"})
    seen = agreement(raw[0], raw[1], SAME_MODEL[PROFILES[scope.profile].precision])
    return None if seen.holds else f"on {scope.device} and on the CPU: {seen}"


def _pictures(folder: Path) -> list[Path]:
    """Photographs they are not: smooth colours and noise, by PNG and JPEG."""
    rng, paths = np.random.default_rng(0), list[Path]()
    for i, suffix in zip(range(IMAGES), ("png", "jpg"), strict=True):
        coarse = Image.fromarray(rng.integers(0, 256, (5, 6, 3), np.uint8)).resize((320, 260 + 40 * i))
        paths.append(folder / f"picture{i}.{suffix}")
        coarse.save(paths[-1])
    return paths


def _archc(*arguments: str) -> tuple[str, str | None]:
    """What it prints, and what is wrong."""
    command = [sys.executable, "-m", "archc", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    problem = f"archc {arguments[0]} ends with {done.returncode}: {done.stderr.strip()}" if done.returncode else None
    return done.stdout, problem
