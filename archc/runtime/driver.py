"""NVIDIA's driver and its GPUs, asked through the driver API itself: libcuda, which comes with the driver alone.

https://docs.nvidia.com/cuda/cuda-driver-api/
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

Load = Callable[[str], Any]  # a library by its name; raises OSError

LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
MANAGEMENT = "nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1"

_NOT_FOUND = "cannot open shared object file: No such file"  # glibc's words
_NO_DEVICE = 100
_MAJOR, _MINOR = 75, 76  # attributes of a device: the parts of its compute capability


class DriverError(Exception):
    """There is no driver, or none that can be used, or no GPU."""


@dataclass(frozen=True)
class Gpu:
    """``memory`` in bytes; ``capability`` is the compute capability."""

    name: str
    memory: int
    capability: tuple[int, int]


@dataclass(frozen=True)
class Driver:
    """``cuda`` is the newest CUDA version that it supports; ``version`` its own, where that can be known."""

    cuda: tuple[int, int]
    version: str | None
    gpus: tuple[Gpu, ...]


def read_driver(load: Load = ctypes.CDLL) -> Driver:
    """The driver and the GPUs that this process sees. Raises DriverError."""
    try:
        library = load(LIBRARY)
    except OSError as e:
        raise DriverError(f"{LIBRARY} {reason(LIBRARY, e)}") from e
    _ask(library, "cuInit", 0)
    cuda = _number(library, "cuDriverGetVersion")
    gpus = tuple(_gpu(library, index) for index in range(_number(library, "cuDeviceGetCount")))
    if not gpus:
        raise DriverError("the driver shows no GPU" + _hidden())
    return Driver((cuda // 1000, cuda % 1000 // 10), _version(load), gpus)


def reason(name: str, error: OSError) -> str:
    """Why a library could not be loaded: that it is not found, or what the loader says of it."""
    said = str(error)
    return "is not found" if said.startswith(f"{name}: ") and _NOT_FOUND in said else f"can't be loaded: {said}"


def _gpu(library: Any, index: int) -> Gpu:
    device = _number(library, "cuDeviceGet", index)
    name, memory = ctypes.create_string_buffer(256), ctypes.c_size_t()
    _ask(library, "cuDeviceGetName", name, len(name), device)
    _ask(library, "cuDeviceTotalMem_v2", ctypes.byref(memory), device)
    major, minor = (_number(library, "cuDeviceGetAttribute", attribute, device) for attribute in (_MAJOR, _MINOR))
    return Gpu(name.value.decode(errors="replace"), memory.value, (major, minor))


def _number(library: Any, function: str, *args: Any) -> int:
    """What a function writes through its first argument."""
    value = ctypes.c_int()
    _ask(library, function, ctypes.byref(value), *args)
    return value.value


def _ask(library: Any, function: str, *args: Any) -> None:
    code = getattr(library, function)(*args)
    if code == 0:
        return
    text = ctypes.c_char_p()
    library.cuGetErrorString(code, ctypes.byref(text))
    said = (text.value or b"unknown error").decode(errors="replace")
    raise DriverError(f"{function} fails with {code}, {said}" + (_hidden() if code == _NO_DEVICE else ""))


def _hidden() -> str:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return "" if visible is None else f" (CUDA_VISIBLE_DEVICES is {visible!r})"


def _version(load: Load) -> str | None:
    """The driver's own version, from its management library; it may be absent where the driver is not."""
    with suppress(OSError, AttributeError):
        library, text = load(MANAGEMENT), ctypes.create_string_buffer(96)
        if library.nvmlInit_v2() == 0 and library.nvmlSystemGetDriverVersion(text, len(text)) == 0:
            return text.value.decode(errors="replace")
    return None
