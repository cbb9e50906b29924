"""Whether a network gives on the device, in every profile, what its module gives in fp32 on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from archc.backends.onnx.profiles import PROFILES
from archc.measurement.rivals.torch_module import named
from archc.network import Weighted
from archc.runtime.devices import CUDA, DeviceError
from archc.runtime.errors import ModelError
from archc.runtime.session import CudaSettings, Settings, open_session
from tests.gpu import subjects
from tests.gpu.scope import Job, Scope

BATCHES = (1, 3)

# ‖a − b‖ / ‖b‖ that is allowed, by the numbers that are multiplied. TF32 keeps 11 significant bits, as fp16 does.
ALLOWED = {"fp32": 1e-5, "tf32": 2e-3, "fp16": 2e-3, "bf16": 1.6e-2}


@dataclass(frozen=True)
class Outcome:
    """One profile at one batch. ``numbers`` is a key of ALLOWED; ``problem`` says why there is no error to tell."""

    network: str
    profile: str
    numbers: str
    batch: int
    error: float | None
    problem: str | None = None

    @property
    def right(self) -> bool:
        return self.error is not None and self.error <= ALLOWED[self.numbers]

    def __str__(self) -> str:
        said = self.problem or f"differs by {self.error:.1e}, where {ALLOWED[self.numbers]:.1e} is allowed"
        return f"{self.network}, {self.profile} in {self.numbers}, batch {self.batch}: {said}"


def outcomes(job: Job, scope: Scope) -> list[dict[str, Any]]:
    """Of one network in all profiles, as JSON data."""
    network = subjects.weighted(job.network, scope.size)
    with TemporaryDirectory(prefix="archc-") as folder:
        return [asdict(one) for profile in scope.profiles for one in _of(network, job, profile, scope, Path(folder))]


def _of(network: Weighted, job: Job, profile: str, scope: Scope, folder: Path) -> Iterator[Outcome]:
    path = folder / f"{profile}.onnx"
    network.onnx(path, profile=profile)
    for numbers, settings in _settings(profile, scope.device):
        try:
            session = open_session(path, device=scope.device, settings=settings)
            for batch in BATCHES:
                given = subjects.batch(network.network.graph, batch)
                found = session.run(given)
                wanted = reference(network, given, list(found))
                error = subjects.error(list(found.values()), [wanted[name] for name in found])
                yield Outcome(job.network, profile, numbers, batch, error)
        except (DeviceError, ModelError) as e:
            yield Outcome(job.network, profile, numbers, 0, None, str(e))


def reference(network: Weighted, given: dict[str, Any], outputs: list[str]) -> dict[str, Any]:
    """What the module gives in fp32 on the CPU."""
    with torch.inference_mode():
        made = network.module().eval()(*(torch.from_numpy(array) for array in given.values()))
    return named(made, outputs)


def _settings(profile: str, device: str) -> Iterator[tuple[str, Settings]]:
    """What is computed in, and the settings that make it so: fp32 on CUDA is fp32 or TF32."""
    numbers = PROFILES[profile].precision
    if device == CUDA and numbers == "fp32":
        yield "fp32", Settings(cuda=CudaSettings(use_tf32=False))
        yield "tf32", Settings(cuda=CudaSettings(use_tf32=True))
    else:
        yield numbers, Settings()
