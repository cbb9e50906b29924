"""The libraries of CUDA that the installed onnxruntime needs, each tried by loading it.

Which they are is read from the installed provider: what it is linked with, and what onnxruntime itself would load
beforehand, since it opens cuDNN, cuFFT and NVRTC only when it wants them.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archc.runtime.driver import LIBRARY as DRIVER
from archc.runtime.driver import Load, reason

# Stem of a file's name → the name that people know, and what needs it where the provider is not linked with it.
_KNOWN = {
    "cudart": ("CUDA runtime", ""),
    "cublas": ("cuBLAS", ""),
    "cublaslt": ("cuBLASLt", ""),
    "cudnn": ("cuDNN", "convolutions"),
    "cufft": ("cuFFT", "Fourier transforms"),
    "curand": ("cuRAND", ""),
    "nvrtc": ("NVRTC", "kernels that cuDNN compiles as it runs"),
    "nvjitlink": ("nvJitLink", ""),
}
_STEM = re.compile(r"(?:lib)?(cu[a-z]+|nv[a-z]+)", re.IGNORECASE)

# Opened only when it is wanted, but there is no convolution on CUDA worth the name without it.
_WANTED = {"cudnn"}


@dataclass(frozen=True)
class Library:
    """``file`` is the name it is loaded by; ``problem`` why it can't be; ``purpose`` what is lost without it, if not
    all is (then it is not ``required``).
    """

    name: str
    file: str
    required: bool
    purpose: str = ""
    problem: str | None = None
    version: str | None = None
    path: str | None = None


def libraries(linked: Iterable[str], opened: Iterable[str], load: Load = ctypes.CDLL) -> tuple[Library, ...]:
    """Each library of NVIDIA's that the provider is linked with, or opens later, and whether it can be loaded."""
    known = {file: True for file in linked if _stem(file) and file != DRIVER}
    known |= {file: _stem(file) in _WANTED for file in opened if file not in known}
    return tuple(_try(file, required, load) for file, required in known.items())


def _stem(file: str) -> str:
    match = _STEM.match(file)
    return match[1].lower() if match else ""


def _try(file: str, required: bool, load: Load) -> Library:
    name, purpose = _KNOWN.get(_stem(file), (file, ""))
    try:
        library = load(file)
    except OSError as e:
        return Library(name, file, required, purpose, problem=reason(file, e))
    version = _VERSIONS.get(_stem(file))
    return Library(name, file, required, purpose, version=version and version(library), path=_loaded_from(file))


def _cudnn(library: Any) -> str:
    number = int(library.cudnnGetVersion())
    thousand = 10000 if number >= 90000 else 1000  # since cuDNN 9 the major version has more room
    return f"{number // thousand}.{number % thousand // 100}.{number % 100}"


def _cudart(library: Any) -> str | None:
    number = ctypes.c_int()
    if library.cudaRuntimeGetVersion(ctypes.byref(number)) != 0:
        return None
    return f"{number.value // 1000}.{number.value % 1000 // 10}"


_VERSIONS: dict[str, Callable[[Any], str | None]] = {"cudnn": _cudnn, "cudart": _cudart}


def _loaded_from(file: str) -> str | None:
    """Where the loader found it, by Linux's map of this process's memory."""
    try:
        lines = Path("/proc/self/maps").read_text(errors="replace").splitlines()
    except OSError:
        return None
    paths = (line.partition("/")[2] for line in lines)
    return next((f"/{path}" for path in paths if Path(path).name.startswith(file)), None)
