"""What this machine has of what onnxruntime needs, found by trying: what is compiled in says nothing of it."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, replace
from functools import cache
from io import StringIO
from pathlib import Path

from archc.display.numbers import count
from archc.runtime import wheels
from archc.runtime.cores import cores
from archc.runtime.devices import CPU, DeviceError
from archc.runtime.driver import Driver, DriverError, Load, read_driver
from archc.runtime.elf import needed
from archc.runtime.libraries import Library, libraries

Preload = Callable[[], None]


@dataclass(frozen=True)
class Package:
    """The installed onnxruntime: what it was built with, and the file of its CUDA provider, if it has one.

    ``opens`` are the libraries that it would load by itself before it starts CUDA.
    """

    version: str
    cuda: str | None
    provider: Path | None
    opens: tuple[str, ...] = ()


@dataclass(frozen=True)
class Environment:
    """What there is. ``package`` is None without onnxruntime, for ``package_problem``, as ``driver`` has its own."""

    wheels: Mapping[str, str]
    package: Package | None
    libraries: tuple[Library, ...]
    driver: Driver | None
    driver_problem: str | None = None
    package_problem: str = "not installed"

    @property
    def conflict(self) -> str | None:
        """What is wrong with the wheels themselves."""
        if len(self.wheels) < 2:
            return None
        return f"{' and '.join(self.wheels)} are both installed: they are one module, and overwrite each other's files"

    @property
    def outdated(self) -> bool:
        """Whether the driver is too old for the CUDA that onnxruntime was built for."""
        return self.driver is not None and self._major is not None and self.driver.cuda[0] < self._major

    @property
    def _major(self) -> int | None:
        built = self.package.cuda if self.package else None
        return int(built.partition(".")[0]) if built else None

    def missing(self) -> list[str]:
        """What CUDA lacks here, a line each; none where it can be tried."""
        found: list[str] = []
        if self.package is None:
            found.append(f"onnxruntime: {self.package_problem}")
        elif self.package.provider is None:
            found.append(f"onnxruntime: {self._named()} {self.package.version} has no CUDA provider")
        if self.driver_problem:
            found.append(f"driver: {self.driver_problem}")
        if self.driver is not None and self.outdated:
            newest = ".".join(map(str, self.driver.cuda))
            found.append(f"driver: it supports CUDA {newest}, and onnxruntime is built for CUDA {self._major}")
        lost = [library for library in self.libraries if library.problem and library.required]
        return found + [f"{library.name}: {library.file} {library.problem}" for library in lost]

    def remedy(self) -> list[str]:
        """The steps that mend it, commands where there are any."""
        steps: list[str] = []
        version = f" for CUDA {self._major}" if self._major else ""
        older = self.driver.cuda[0] if self.driver and self.outdated else None
        if self.driver_problem:
            steps.append(f"install NVIDIA's driver{version}; in a container, start it with --gpus all")
        if older is not None:
            steps.append(f"install a newer NVIDIA driver{version}" + (", or, for this one:" if older == 12 else ""))
        wrong = self.conflict or self.package is None or self.package.provider is None or older == 12
        if wrong or any(library.problem and library.required for library in self.libraries):
            steps += wheels.install(self.wheels, gpu=True, cuda=older)
        return steps

    def _named(self) -> str:
        return next(iter(self.wheels), "onnxruntime")


def require_cuda(environment: Environment, device_id: int = 0) -> None:
    """Raises DeviceError where models can't run on CUDA here, with all that is missing and how to mend it."""
    missing = environment.missing()
    if not missing and environment.driver and device_id >= len(environment.driver.gpus):
        raise DeviceError(f"there is no GPU {device_id}: the driver shows {len(environment.driver.gpus)}")
    if missing:
        wrong = [f"wheels: {environment.conflict}"] if environment.conflict else []
        raise DeviceError("CUDA can't be used here", [*wrong, *missing], "\n".join(environment.remedy()))


def inspect(package: Package | None, preload: Preload, load: Load = ctypes.CDLL) -> Environment:
    """What there is, by loading each library with ``load``, after onnxruntime has looked in NVIDIA's wheels."""
    found: tuple[Library, ...] = ()
    if package is not None and package.provider is not None:
        with redirect_stdout(StringIO()):  # it prints what is missing, which is said better here
            preload()
        found = libraries(_linked(package.provider), package.opens, load)
    try:
        driver, problem = read_driver(load), None
    except DriverError as e:
        driver, problem = None, str(e)
    return Environment(wheels.installed(), package, found, driver, problem)


def _linked(provider: Path) -> list[str]:
    try:
        return needed(provider)
    except ValueError:  # no ELF file, as on Windows: what onnxruntime opens must do
        return []


@cache
def environment() -> Environment:
    """That of this machine, looked at once."""
    try:
        from archc.runtime import ort
    except ImportError as e:
        found = inspect(None, lambda: None)
        gone = isinstance(e, ModuleNotFoundError) and e.name == "onnxruntime"
        return found if gone else replace(found, package_problem=f"can't be imported: {e}")
    return inspect(ort.package(), ort.preload)


def device_name(device: str, device_id: int = 0) -> str:
    """What the CPU or the GPU is called, the CPU with the number of cores that this process may use."""
    if device == CPU:
        return f"{_processor()}, {count(cores(), 'core')}"
    driver = environment().driver
    known = driver is not None and device_id < len(driver.gpus)
    return driver.gpus[device_id].name if driver is not None and known else f"no GPU {device_id}"


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()
