"""How much memory a model takes to run: measured in a process of its own, where nothing else has been."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from archc.runtime.devices import CPU
from archc.runtime.driver import LIBRARY
from archc.runtime.session import Settings

_STATUS = Path("/proc/self/status")
_RUNS = 3


def memory_of_run(
    model: Path, shapes: Mapping[str, Sequence[int]], device: str = CPU, settings: Settings | None = None
) -> int | None:
    """Bytes that opening the model and running it takes.

    On the CPU it is what the process grows by at its peak, onnxruntime itself aside: weights, as they are packed,
    activations and the session. On CUDA it is what the device has less afterwards, the context aside; another process
    on it disturbs. None where the system does not tell (it is Linux that does), or where the run failed.
    """
    settings = settings or Settings()
    task = {"model": str(model), "shapes": dict(shapes), "device": device, "settings": settings.to_json()}
    command = [sys.executable, "-m", __name__]
    done = subprocess.run(command, input=json.dumps(task), capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def _measure(task: Mapping[str, Any]) -> int | None:
    from archc.measurement.binding import Bound
    from archc.measurement.inputs import random_inputs
    from archc.runtime.session import open_session

    settings, device = Settings.from_json(task["settings"]), task["device"]
    meter = _ProcessMemory() if device == CPU else DeviceMemory(settings.cuda.device_id)
    session = open_session(Path(task["model"]), device=device, settings=settings)
    run = Bound(session, random_inputs(session.inputs, task["shapes"]))
    for _ in range(_RUNS):
        run()
    return meter.growth()


class _ProcessMemory:
    """The resident set: what it is at the start, and its peak since, as the kernel keeps them."""

    def __init__(self) -> None:
        self._start = self._read("VmRSS")

    def growth(self) -> int | None:
        peak = self._read("VmHWM")
        return None if peak is None or self._start is None else peak - self._start

    def _read(self, key: str) -> int | None:
        if not _STATUS.exists():
            return None
        fields = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines() if ":" in line)
        return int(fields[key].split()[0]) * 1024 if key in fields else None


class DeviceMemory:
    """Free memory of a CUDA device, by the driver, which is there wherever CUDA is.

    https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__MEM.html. Raises OSError where a call of it fails.
    """

    def __init__(self, device: int, driver: Any = None) -> None:
        self._driver = driver or ctypes.CDLL(LIBRARY)
        context = ctypes.c_void_p()
        self._call("cuInit", ctypes.c_uint(0))
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), ctypes.c_int(device))
        self._call("cuCtxSetCurrent", context)
        self._start = self._free()

    def growth(self) -> int:
        return self._start - self._free()

    def _free(self) -> int:
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self._call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return free.value

    def _call(self, name: str, *arguments: Any) -> None:
        if code := getattr(self._driver, name)(*arguments):
            raise OSError(code, f"{name} failed with CUDA error {code}")


if __name__ == "__main__":
    print(json.dumps(_measure(json.load(sys.stdin))))
