"""Runs generated sources: python -P _run_source.py THREADS FOLDER…

A folder holds network.py, weights.safetensors, inputs.txt with the inputs' names in order, and input0.npz …;
output0.npz … are written, with the outputs in order. This file stands alone, and what it runs must do so too.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

sys.modules["archc"] = None  # type: ignore[assignment]  # importing it is an error from here on

import numpy as np  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import load_file  # noqa: E402


def network_class(path: Path, name: str) -> Any:
    """The last class of the file."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return [v for v in vars(module).values() if isinstance(v, type) and v.__module__ == name][-1]


def run(folder: Path, name: str) -> None:
    network = network_class(folder / "network.py", name)()
    network.load_state_dict(load_file(folder / "weights.safetensors"), strict=True)
    network.eval()
    names = (folder / "inputs.txt").read_text(encoding="utf-8").splitlines()
    for path in sorted(folder.glob("input*.npz")):
        with np.load(path, allow_pickle=False) as arrays, torch.inference_mode():
            given = network(*[torch.from_numpy(arrays[name]) for name in names])
        outputs = list(given.values()) if isinstance(given, dict) else [given]
        written: dict[str, Any] = {f"y{i}": y.numpy() for i, y in enumerate(outputs)}
        np.savez(folder / path.name.replace("input", "output"), **written)


torch.set_num_threads(int(sys.argv[1]))
for number, argument in enumerate(sys.argv[2:]):
    run(Path(argument), f"network{number}")
