"""The wheels that bring onnxruntime, and the pip lines that mend them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path

GPU, CPU = "onnxruntime-gpu", "onnxruntime"
LAST_FOR_CUDA_12 = "1.26"  # of onnxruntime-gpu: later ones are built for CUDA 13


def installed(found: Iterable[Distribution] | None = None) -> dict[str, str]:
    """Wheel → version, of all that hold the module ``onnxruntime``: each new one overwrites the files of the others.

    Of several folders on Python's path the first that has one counts: what lies in the others is not imported.
    """
    candidates = distributions() if found is None else found
    named = [(str(d.metadata["Name"]).lower().replace("_", "-"), d) for d in candidates]
    holding = [(name, d) for name, d in named if _holds_module(name, d)]
    return dict(sorted((name, d.version) for name, d in holding if _folder(d) == _folder(holding[0][1])))


def _folder(wheel: Distribution) -> Path:
    return Path(str(wheel.locate_file(""))).resolve()


def _holds_module(name: str, wheel: Distribution) -> bool:
    if not name.startswith(("onnxruntime", "ort-")):
        return False
    return any(file.parts[:2] == ("onnxruntime", "__init__.py") for file in wheel.files or ())


def install(wheels: Mapping[str, str], *, gpu: bool, cuda: int | None = None) -> list[str]:
    """The pip lines that leave the one wheel that is wanted, with CUDA's libraries where it is the GPU's.

    ``cuda``: the newest major version of CUDA that the driver takes, where that is too old for the newest wheel.
    """
    wanted = GPU if gpu else CPU
    others = [name for name in wheels if name != wanted]
    # A wheel that is uninstalled takes with it the files that it shares with the one that stays.
    lines = [f"pip uninstall -y {' '.join(wheels)}"] if others else []
    name = f"{GPU}[cuda,cudnn]" if gpu else CPU
    version = f"<={LAST_FOR_CUDA_12}" if cuda == 12 else _same(wheels.get(wanted))
    return [*lines, f"pip install '{name}{version}'"]


def _same(version: str | None) -> str:
    return f"=={version}" if version else ""
