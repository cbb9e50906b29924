"""Whether this machine can run models: what there is, what a real convolution gave on each device, what mends it."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from archc.display.numbers import binary, count
from archc.display.tables import DIM, Style, aligned, plain
from archc.runtime import wheels
from archc.runtime.cores import cores
from archc.runtime.devices import CUDA, DEVICES, DeviceError
from archc.runtime.environment import Environment, device_name
from archc.runtime.errors import ModelError
from archc.version import __version__

State = Literal["ok", "problem", "info"]
Convolve = Callable[[str], str | None]  # by device: what is wrong

_MARKS = {"ok": "ok", "problem": "problem", "info": "·"}
_COLORS = {"ok": "32", "problem": "31", "info": DIM}


@dataclass(frozen=True)
class Check:
    """One line of the report."""

    name: str
    state: State
    detail: str


@dataclass(frozen=True)
class Report:
    """All that was looked at, the devices that work, and the steps that mend what does not."""

    checks: tuple[Check, ...]
    works: Mapping[str, bool]
    remedy: tuple[str, ...]

    def text(self, style: Style = plain) -> str:
        """Aligned lines, with colour where ``style`` gives it."""
        rows = [(_MARKS[check.state], check.name, check.detail) for check in self.checks]
        width = max(len(mark) for mark, *_ in rows)
        lines = [
            style(line[:width], _COLORS[check.state]) + line[width:]
            for line, check in zip(aligned(rows, "<<<"), self.checks, strict=True)
        ]
        lines += ["", *(f"--device {device} {self._verdict(device)}" for device in self.works)]
        if self.remedy:
            lines += ["", "to mend it:", *(f"  {step}" for step in self.remedy)]
        return "\n".join(lines)

    def _verdict(self, device: str) -> str:
        if self.works[device]:
            return "works"
        right = any(check.name == _convolution(device) and check.state == "ok" for check in self.checks)
        return "is not to be relied on" if right else "does not work"

    def json(self) -> dict[str, Any]:
        """The same as plain data."""
        checks = [{"name": check.name, "state": check.state, "detail": check.detail} for check in self.checks]
        return {"checks": checks, "works": dict(self.works), "remedy": list(self.remedy)}


def examine(environment: Environment, convolve: Convolve, device: str | None = None) -> Report:
    """The report on one device, or on all."""
    asked = DEVICES if device is None else (device,)
    checks = [*_software(environment)]
    if CUDA in asked:
        checks += _cuda(environment)
    works: dict[str, bool] = {}
    for name in asked:
        check = _tried(name, environment, convolve)
        checks.append(check)
        works[name] = check.state == "ok" and environment.conflict is None
    return Report(tuple(checks), works, tuple(_remedy(environment, works)))


def _software(environment: Environment) -> Iterator[Check]:
    yield Check("archc", "ok", __version__)
    system = " ".join((platform.system(), platform.machine()))
    yield Check("Python", "ok", f"{platform.python_version()}, {system}, {count(cores(), 'core')}")
    package = environment.package
    if package is None:
        yield Check("onnxruntime", "problem", environment.package_problem)
        return
    built = f"built for CUDA {package.cuda}" if package.cuda else "built without CUDA"
    wheel = ", ".join(f"{name} {version}" for name, version in environment.wheels.items())
    yield Check("onnxruntime", "ok", f"{wheel or package.version}, {built}")
    if environment.conflict:
        yield Check("wheels", "problem", environment.conflict)


def _cuda(environment: Environment) -> Iterator[Check]:
    driver, package = environment.driver, environment.package
    if package is not None and package.provider is None:
        yield Check("CUDA provider", "problem", "this onnxruntime has none")
    if driver is None:
        yield Check("driver", "problem", environment.driver_problem or "not there")
    else:
        version = f"{driver.version}, " if driver.version else ""
        said = f"{version}for CUDA {'.'.join(map(str, driver.cuda))}"
        old = f"; onnxruntime needs {package.cuda}" if package and environment.outdated else ""
        yield Check("driver", "problem" if old else "ok", said + old)
        for gpu in driver.gpus:
            capability = ".".join(map(str, gpu.capability))
            yield Check("GPU", "ok", f"{gpu.name}, {binary(gpu.memory)}, compute capability {capability}")
    for library in environment.libraries:
        if library.problem is None:
            parts = (library.version, library.path or library.file)
            yield Check(library.name, "ok", ", ".join(part for part in parts if part))
        else:
            use = f" (for {library.purpose})" if library.purpose else ""
            yield Check(
                library.name, "problem" if library.required else "info", f"{library.file} {library.problem}{use}"
            )
    yield from _torch(package.cuda if package else None)


def _torch(cuda: str | None) -> Iterator[Check]:
    """torch's own CUDA, read from its files: to import it would take seconds."""
    try:
        version = version_of("torch")
    except PackageNotFoundError:
        return
    spec = find_spec("torch")
    places = spec.submodule_search_locations if spec else None
    own = _torch_cuda(Path(places[0]) / "version.py") if places else None
    built = f"built for CUDA {own}" if own else "built without CUDA"
    differs = own and cuda and own.partition(".")[0] != cuda.partition(".")[0]
    yield Check("torch", "info", f"{version}, {built}" + (", another than onnxruntime's" if differs else ""))


def _torch_cuda(file: Path) -> str | None:
    try:
        match = re.search(r"^cuda\b.*=\s*['\"]([\d.]+)['\"]", file.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        return None
    return match[1] if match else None


def _tried(device: str, environment: Environment, convolve: Convolve) -> Check:
    """A convolution on a device, where it can be tried."""
    missing = environment.missing() if device == CUDA else ["onnxruntime"] if environment.package is None else []
    name = _convolution(device)
    if missing:
        return Check(name, "problem", f"not tried: {count(len(missing), 'problem')} above")
    try:
        wrong = convolve(device)
    except (DeviceError, ModelError) as e:
        wrong = str(e)
    except ImportError as e:
        wrong = f"not tried: {e}"
    return Check(name, "problem" if wrong else "ok", wrong or f"right, on {device_name(device)}")


def _convolution(device: str) -> str:
    return f"{device} convolution"


def _remedy(environment: Environment, works: Mapping[str, bool]) -> list[str]:
    if works.get(CUDA) is False and environment.missing():
        return environment.remedy()
    if environment.conflict or environment.package is None:
        return wheels.install(environment.wheels, gpu=CUDA in works or wheels.GPU in environment.wheels)
    return []
