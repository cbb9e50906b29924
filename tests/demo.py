"""The main job, end to end: ResNet-50 summarised, built to PyTorch source and to ONNX, and both run on one input.

``make demo`` runs it. Both take their weights from one file, so what they give differs by rounding alone.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from safetensors.torch import load_file, save_model

import archc

TOLERANCE = 1e-5  # ‖a − b‖ / ‖b‖


FOLDER = Path("build/demo")


def main() -> int:
    """Runs the demo; 0 where the two agree. What it writes stays in build/demo, to be looked at."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    weights = FOLDER / "resnet50.safetensors"
    torch.manual_seed(0)
    save_model(archc.compile("resnet50").module(), str(weights))
    run("summarize", "resnet50")
    run("build", "resnet50", "--to", "all", "--weights", str(weights), "--out", str(FOLDER))
    return compare(FOLDER / "resnet50.py", FOLDER / "resnet50.onnx", weights)


def run(*command: str) -> None:
    """Show an archc command and what it prints."""
    print("$ archc", *command, flush=True)
    subprocess.run([sys.executable, "-m", "archc", *command], check=True)
    print(flush=True)


def compare(source: Path, onnx: Path, weights: Path) -> int:
    """Run the written source and the written ONNX file on one input."""
    x = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    ours = forward(source, weights, x)
    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    theirs = session.run(None, {session.get_inputs()[0].name: x.numpy()})[0]
    relative = float(np.linalg.norm(theirs - ours) / np.linalg.norm(ours))
    print(f"{source.name} by torch and {onnx.name} by onnxruntime, on one input of shape {tuple(x.shape)}:")
    print(f"largest difference {np.abs(theirs - ours).max():.2e}, relative ‖a − b‖/‖b‖ {relative:.2e}")
    return 0 if relative < TOLERANCE else 1


def forward(source: Path, weights: Path, x: torch.Tensor) -> np.ndarray:
    """What the module of a written source file gives, with weights from a file."""
    spec = spec_from_file_location(source.stem, source)
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    network = module.ResNet50()
    network.load_state_dict(load_file(weights))
    with torch.inference_mode():
        return network.eval()(x).numpy()


if __name__ == "__main__":
    sys.exit(main())
