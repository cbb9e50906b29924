"""NVIDIA's libraries without NVIDIA: onnxruntime's CUDA provider loads, and plans, on a machine that has no GPU.

Which kernels the provider has, which nodes it takes and how it rewrites a graph for them is decided on the CPU, before
anything runs. The provider's library only has to load for that, and to be told that a device is there. So every
function that it takes from NVIDIA's libraries is put in place by one that does nothing and gives 0, for success; but
for memory, which is that of the host, zeros at first, and is really copied. So a model runs, all its tensors being
zeros where a kernel would have written. There is one device, and no cuDNN, without which no convolution runs. It takes
a C compiler and readelf, thus Linux.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from functools import cache
from pathlib import Path

_SYSTEM = re.compile(r"lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+)\.so|ld-linux")
_NEEDED = re.compile(r"\(NEEDED\).*\[(.+)]")
_FUNCTION = re.compile(r"\bUND (\w+)(?:@(\S+))?")
CUDNN = "libcudnn.so.9"
_LOADED_LATE = re.compile(rb"\0(cudnn[A-Z]\w+)(?=\0)")  # by name, when they are first needed
_OTHERS = re.compile(r"GLIBC|CXXABI|GCC|Provider_GetHost|_ITM_|__gmon|__gcov|__cxa")
_MEMORY = ("cudaMalloc", "cudaMallocHost", "cudaHostAlloc")
_ALLOCATE = "int {}(void **p, size_t n) {{ return posix_memalign(p, 256, n) || !memset(*p, 0, n); }}"
_NOTHING = "long {}(void) {{ return 0; }}"
_DONE = {
    "cudaGetDeviceCount": "int {}(int *n) {{ *n = 1; return 0; }}",
    "cudaMemGetInfo": "int {}(size_t *free, size_t *all) {{ *free = *all = (size_t)8 << 30; return 0; }}",
    "cudaMemcpy": "int {}(void *to, const void *from, size_t n, int kind) {{ memcpy(to, from, n); return 0; }}",
    "cudaMemcpyAsync": "int {}(void *to, const void *from, size_t n, int kind, void *stream) "
    "{{ memcpy(to, from, n); return 0; }}",
    "cudaStreamCreateWithFlags": "int {}(void **stream, unsigned flags) {{ *stream = &malloc; return 0; }}",
    "cudaStreamEndCapture": "int {}(void *stream, void **graph) {{ *graph = &malloc; return 0; }}",
    "cudaGraphInstantiate": "int {}(void **made, void *graph) {{ *made = graph; return 0; }}",
} | dict.fromkeys(_MEMORY, _ALLOCATE)


def needs() -> str | None:
    """What is not there that this takes, or None."""
    tools = [tool for tool in ("cc", "readelf") if shutil.which(tool) is None]
    return f"needs {' and '.join(tools)}" if tools else None


@cache
def environment() -> dict[str, str]:
    """Environment variables of a process in which onnxruntime's provider libraries load."""
    folder = tempfile.TemporaryDirectory(prefix="standins")
    _keep.append(folder)
    _build(Path(folder.name), sorted(_capi().glob("libonnxruntime_providers_*.so")))
    return {**os.environ, "LD_LIBRARY_PATH": folder.name}


def run(program: str, *arguments: str, real: bool = False) -> str:
    """What a Python program prints that runs with the stand-ins, or with NVIDIA's libraries where these are ``real``.

    It takes its arguments from ``sys.argv``.
    """
    command = [sys.executable, "-c", program, *arguments]
    variables = dict(os.environ) if real else environment()
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"onnxruntime {'' if real else 'with stand-ins '}ended with {done.returncode}:\n{done.stderr}"
        )
    return done.stdout


def has_gpu() -> bool:
    """Whether NVIDIA's driver is there."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


_keep: list[tempfile.TemporaryDirectory[str]] = []


def _capi() -> Path:
    import onnxruntime

    return Path(onnxruntime.__file__).parent / "capi"


def _build(folder: Path, providers: list[Path]) -> None:
    """One library for each that the providers need, with the functions that they take from it."""
    functions: dict[str, set[str]] = defaultdict(set)
    for provider in providers:
        needed = [name for name in _NEEDED.findall(_readelf("-d", provider)) if not _SYSTEM.match(name)]
        functions.update({name: functions[name] for name in needed})
        for function, version in _FUNCTION.findall(_readelf("--dyn-syms", provider)):
            if needed and not _OTHERS.match(version or function):
                functions[version if version in needed else needed[-1]].add(function)
        functions[CUDNN].update(name.decode() for name in set(_LOADED_LATE.findall(provider.read_bytes())))
    for library, names in functions.items():
        _compile(folder, library, names)


def _readelf(option: str, path: Path) -> str:
    return subprocess.run(["readelf", "-W", option, str(path)], capture_output=True, text=True, check=True).stdout


def _compile(folder: Path, library: str, functions: set[str]) -> None:
    lines = ["#include <stdlib.h>", "#include <string.h>"]
    lines += [_DONE.get(name, _NOTHING).format(name) for name in sorted(functions)]
    source, versions = folder / f"{library}.c", folder / f"{library}.map"
    source.write_text("\n".join(lines), encoding="utf-8")
    versions.write_text(f"{library} {{ global: *; }};", encoding="utf-8")
    command = ["cc", "-shared", "-fPIC", "-fno-builtin", "-o", str(folder / library), str(source)]
    subprocess.run([*command, f"-Wl,-soname,{library}", f"-Wl,--version-script,{versions}"], check=True)
