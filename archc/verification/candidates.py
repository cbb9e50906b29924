"""A network's ONNX in each profile, on each device that can run it here."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from archc.backends.onnx import write as files
from archc.backends.onnx.export import Export
from archc.backends.onnx.model import Built, build, model_of
from archc.backends.onnx.precision.simulate import simulated
from archc.backends.onnx.profiles import BESIDE, CPU, CUDA, Profile
from archc.backends.onnx.program import Program
from archc.network import Weighted
from archc.runtime import devices
from archc.runtime.session import CudaSettings, Session, Settings, open_session
from archc.verification.result import Tolerance
from archc.verification.tolerances import of_program

SIMULATED = "cpu, simulated"
CALIBRATED = 32  # samples at most that int8 is calibrated on


@dataclass(frozen=True)
class Place:
    """A device and how it is asked to compute. ``name`` is for people; ``simulate`` what it has no types for.

    ``meant`` says whether what is run there was written for it: what was not need not run.
    """

    name: str
    device: str = devices.CPU
    tf32: bool = False
    simulate: bool = False
    meant: bool = True

    @property
    def settings(self) -> Settings:
        cuda = CudaSettings(use_tf32=self.tf32) if self.device == devices.CUDA else CudaSettings()
        return Settings(cuda=cuda)


def places(profile: Profile, wanted: tuple[str, ...]) -> list[Place]:
    """Where a profile's model is run, of the devices ``wanted``; none where it is for others.

    What is for CUDA is run on the CPU where there is no CUDA, as far as its numbers allow: half precision is simulated.
    """
    half = profile.precision in ("fp16", "bf16")
    found: list[Place] = []
    if devices.CPU in wanted and profile.provider in (None, CPU):
        found.append(Place("cpu"))
    elif devices.CPU in wanted and profile.provider == CUDA and not (half and devices.CUDA in wanted):
        found.append(Place(SIMULATED, simulate=True) if half else Place("cpu"))
    if devices.CUDA in wanted and profile.provider in (None, CUDA):
        meant = profile.provider == CUDA
        found.append(Place("cuda", devices.CUDA, meant=meant))
        if not half:
            found.append(Place("cuda, TF32", devices.CUDA, tf32=True, meant=meant))
    return found


@dataclass(frozen=True)
class Candidate:
    """A model to be compared. ``program`` is what runs: that of ``built``, with ``passes``, or what simulates it."""

    what: str
    built: Built
    program: Program
    place: Place
    tolerance: Tolerance
    passes: tuple[str, ...] = ()

    @contextmanager
    def session(self, program: Program | None = None) -> Generator[Session]:
        """The model, or another program of its kind, from a file and ready to run. Raises DeviceError, ModelError."""
        unchanged = program is None and self.program is self.built.program
        model = self.built.model if unchanged else model_of(program or self.program, "verified")
        with TemporaryDirectory(prefix="archc-") as folder:
            path = Path(folder) / "model.onnx"
            files.write(model, path, BESIDE)
            yield open_session(path, device=self.place.device, settings=self.place.settings)


def candidates(weighted: Weighted, profile: Profile, wanted: tuple[str, ...], calibrate: Path) -> Iterator[Candidate]:
    """The network in this profile, built once. ``calibrate`` are the samples, a .npz, that int8 is calibrated on."""
    chosen = places(profile, wanted)
    if not chosen:
        return
    int8: dict[str, Any] = {"calibrate": calibrate, "calibrate_limit": CALIBRATED}
    export = Export.of(profile.name, **(int8 if profile.precision == "int8" else {}))
    built = build(weighted.network.graph, weights=weighted.loaded, export=export)
    for place in chosen:
        program = simulated(built.program) if place.simulate else built.program
        tolerance = of_program(built.program, profile.precision, tf32=place.tf32)
        yield Candidate(f"onnx {profile.name}", built, program, place, tolerance, export.passes)
