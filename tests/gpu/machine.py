"""The machine that is measured, and whether it has what is asked for."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from archc.runtime.devices import CPU, CUDA, DeviceError


@dataclass(frozen=True)
class Machine:
    """Names and versions; None where there is none."""

    device: str
    name: str
    driver: str | None
    cuda: str | None
    cudnn: str | None
    onnxruntime: str
    torch: str
    torch_cuda: str | None
    python: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        parts = [
            self.name,
            self.driver and f"driver {self.driver}",
            self.cuda and f"CUDA {self.cuda}",
            self.cudnn and f"cuDNN {self.cudnn}",
            f"onnxruntime {self.onnxruntime}",
            f"torch {self.torch}",
        ]
        return ", ".join(part for part in parts if part)


def require(device: str) -> None:
    """Raises DeviceError where ``device`` can't be used by archc, or by the torch that it is compared with."""
    if device == CPU:
        return
    import torch  # first: its libraries of CUDA are then those that onnxruntime finds loaded

    from archc.runtime.environment import environment, require_cuda

    require_cuda(environment())
    if not torch.cuda.is_available():
        built = torch.version.cuda
        problem = f"torch {torch.__version__} finds no GPU" if built else f"torch {torch.__version__} has no CUDA"
        raise DeviceError("torch can't be compared with", [problem], "pip install torch, built for CUDA")


def machine(device: str) -> Machine:
    """This one."""
    import torch

    from archc.runtime.environment import device_name, environment

    here = environment()
    libraries = {library.name: library.version for library in here.libraries} if device == CUDA else {}
    driver = here.driver if device == CUDA else None
    return Machine(
        device, device_name(device), driver and driver.version, libraries.get("CUDA runtime"), libraries.get("cuDNN"),
        _version("onnxruntime-gpu") or _version("onnxruntime") or "?", torch.__version__, torch.version.cuda,
        platform.python_version(),
    )  # fmt: skip


def today() -> str:
    """The date, in UTC."""
    return datetime.now(UTC).date().isoformat()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
