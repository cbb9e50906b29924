"""onnxruntime, which has no types, in one place: sessions are made here, and what they say is given in our words."""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np  # noqa: F401 # pyright: ignore[reportUnusedImport] - first: onnxruntime hides that it is missing
import onnxruntime

from archc.runtime.devices import CUDA, PROVIDERS
from archc.runtime.environment import Package
from archc.runtime.errors import ModelError
from archc.runtime.settings import Settings

_FATAL = 4  # of onnxruntime's log severities: an error comes as an exception too, and is said once
_RECORD = "session.record_ep_graph_assignment_info"
_NO_CPU = "session.disable_cpu_ep_fallback"
_LEFT_TO_CPU = "fallback to CPU EP has been explicitly disabled"

ort: Any = onnxruntime
VERSION: str = ort.__version__

_LEVELS = {
    "disabled": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "layout": "ORT_ENABLE_LAYOUT",
    "all": "ORT_ENABLE_ALL",
}
_ORDERS = {"sequential": "ORT_SEQUENTIAL", "parallel": "ORT_PARALLEL"}

# What onnxruntime calls the element type of a tensor → numpy's name, where these differ.
_NAMES = {"float": "float32", "double": "float64"}

# Of onnxruntime's messages about files, what they mean and what helps.
_PLAIN: tuple[tuple[str, str, str | None], ...] = (
    (r"External data path does not exist: \"(.*?)\"", "its weights are in {}, and that is not there",
     "a model and its file of weights stay together"),
    (r"escapes model directory|Absolute path not allowed", "it wants weights from outside its folder", None),
    (r"out of bounds or can not be read in full", "its file of weights is cut short", "build it again"),
    (r"Could not find an implementation for (\w+)\((\d+)\) node with name '(.*?)'",
     "onnxruntime has no kernel here for {} of opset {} with the types of node `{}`",
     "a model built for another device runs there alone, as cuda-bf16 does"),
    (r"(?i:protobuf parsing failed)|No graph was found in the protobuf", "no ONNX model, or a broken one", None),
)  # fmt: skip

_PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : ")


class LeftToCpuError(Exception):
    """Nodes would have run on the CPU, and must not."""


@dataclass(frozen=True)
class TensorInfo:
    """A model's input or output: sizes or names of free ones, and numpy's name of the type (``bfloat16`` for that)."""

    shape: tuple[int | str | None, ...]
    dtype: str


@dataclass(frozen=True)
class Placed:
    """A node and the execution provider that runs it."""

    name: str
    op: str
    provider: str


def make_session(
    model: str | bytes, provider: str, options: Mapping[str, str], settings: Settings, *, strict: bool
) -> Any:
    """An InferenceSession that runs on ``provider``, without onnxruntime's own second try on the CPU.

    Raises ModelError, and with ``strict`` LeftToCpuError rather than leave nodes to the CPU.
    """
    made = ort.SessionOptions()
    made.log_severity_level = _FATAL
    made.graph_optimization_level = getattr(ort.GraphOptimizationLevel, _LEVELS[settings.graph_optimization])
    made.execution_mode = getattr(ort.ExecutionMode, _ORDERS[settings.execution])
    made.intra_op_num_threads = settings.intra_op_threads or 0
    made.inter_op_num_threads = settings.inter_op_threads or 0
    made.enable_cpu_mem_arena, made.enable_mem_pattern = settings.cpu_mem_arena, settings.mem_pattern
    try:
        for key, value in {**settings.config, _RECORD: "1", _NO_CPU: str(int(strict))}.items():
            made.add_session_config_entry(key, value)
        return ort.InferenceSession(model, made, providers=[(provider, dict(options))], enable_fallback=0)
    except Exception as e:  # onnxruntime's classes derive from Exception alone
        if _LEFT_TO_CPU in str(e):
            raise LeftToCpuError from e
        raise _unreadable(message(e)) from e


def tensors(args: Any) -> dict[str, TensorInfo]:
    """Of ``session.get_inputs()`` or ``get_outputs()``."""
    return {arg.name: TensorInfo(tuple(arg.shape), _dtype(arg.type)) for arg in args}


def placed(raw: Any) -> tuple[Placed, ...]:
    """Every node of the optimised graph, in onnxruntime's order. Raises ModelError where it keeps no record of it."""
    if not hasattr(raw, "get_provider_graph_assignment_info"):
        raise ModelError(f"onnxruntime {VERSION} does not say where nodes run", "newer ones do")
    return tuple(_placed(raw))


def package() -> Package:
    """What the installed onnxruntime is."""
    name = {"win32": "onnxruntime_providers_cuda.dll"}.get(sys.platform, "libonnxruntime_providers_cuda.so")
    provider = Path(ort.__file__).parent / "capi" / name
    has = PROVIDERS[CUDA] in ort.get_available_providers() and provider.exists()
    return Package(VERSION, getattr(ort, "cuda_version", None) or None, provider if has else None, tuple(_opened()))


def preload() -> None:
    """Load CUDA's libraries from NVIDIA's wheels, where onnxruntime can be told to (from 1.21 on).

    It looks beside itself alone. The wheels may lie elsewhere on Python's path, as torch's do that an environment
    inherits, so these are loaded first: whatever asks for a library by its name later then gets the one in memory.
    """
    if not hasattr(ort, "preload_dlls"):
        return
    for path in in_wheels(_paths()):
        with suppress(OSError):  # whether it matters is found out when each is tried by its name
            ctypes.CDLL(str(path))
    ort.preload_dlls()


def in_wheels(paths: Iterable[Sequence[str]], folders: Sequence[str] | None = None) -> list[Path]:
    """The files of NVIDIA's wheels, which share the package ``nvidia``, among these; ``folders`` are that package's."""
    if folders is None:
        spec = find_spec("nvidia")
        folders = list(spec.submodule_search_locations or ()) if spec else []
    found = (Path(folder, *path[1:]) for path in paths for folder in folders)
    return [path for path in found if path.is_file()]


def message(error: Exception) -> str:
    """What onnxruntime says, on one line and without its codes."""
    return " ".join(_PREFIX.sub("", str(error)).split())


def _unreadable(said: str) -> ModelError:
    for pattern, plain, hint in _PLAIN:
        if match := re.search(pattern, said):
            return ModelError(plain.format(*match.groups()), hint)
    return ModelError(said)


def _opened() -> list[str]:
    """The names that ``preload_dlls`` tries: its own list, since the provider is linked with a part of them alone."""
    return [path[-1] for path in _paths()]


def _paths() -> list[Sequence[str]]:
    """Where they lie in NVIDIA's wheels, part by part from ``nvidia`` on."""
    paths = getattr(ort, "_get_nvidia_dll_paths", None)
    return list(paths(sys.platform == "win32")) if paths else []


def _placed(raw: Any) -> Iterator[Placed]:
    for part in raw.get_provider_graph_assignment_info():
        for node in part.get_nodes():
            yield Placed(node.name, node.op_type, part.ep_name)


def _dtype(theirs: str) -> str:
    kind = theirs.removeprefix("tensor(").removesuffix(")")
    return _NAMES.get(kind, kind)
