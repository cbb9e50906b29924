"""onnxruntime, which has no types, in one place: sessions are made here, and what they say is given in our words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import onnxruntime

from archc.runtime.settings import Settings

_FATAL = 4  # of onnxruntime's log severities: what is wrong comes as an exception, and is said once
_RECORD = "session.record_ep_graph_assignment_info"
NO_CPU = "session.disable_cpu_ep_fallback"

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

# numpy's name → what onnxruntime calls the element type of a tensor
_TYPES = {"float32": "float", "float64": "double"}
_NAMES = {f"tensor({theirs})": numpy for numpy, theirs in _TYPES.items()}


@dataclass(frozen=True)
class TensorInfo:
    """A model's input or output: sizes or names of free ones, and numpy's name of the type (``bfloat16`` for that)."""

    shape: tuple[int | str | None, ...]
    dtype: str


def session(model: str | bytes, provider: str, options: Mapping[str, str], settings: Settings, *, strict: bool) -> Any:
    """An InferenceSession that runs on ``provider``; with ``strict``, it fails rather than leave nodes to the CPU."""
    made = ort.SessionOptions()
    made.log_severity_level = _FATAL
    made.graph_optimization_level = getattr(ort.GraphOptimizationLevel, _LEVELS[settings.graph_optimization])
    made.execution_mode = getattr(ort.ExecutionMode, _ORDERS[settings.execution])
    made.intra_op_num_threads = settings.intra_op_threads or 0
    made.inter_op_num_threads = settings.inter_op_threads or 0
    made.enable_cpu_mem_arena, made.enable_mem_pattern = settings.cpu_mem_arena, settings.mem_pattern
    for key, value in {_RECORD: "1", **({NO_CPU: "1"} if strict else {}), **settings.config}.items():
        made.add_session_config_entry(key, value)
    return ort.InferenceSession(model, made, providers=[(provider, dict(options))])


def tensors(args: Any) -> dict[str, TensorInfo]:
    """Of ``session.get_inputs()`` or ``get_outputs()``."""
    return {arg.name: TensorInfo(tuple(arg.shape), _dtype(arg.type)) for arg in args}


def placement(raw: Any) -> dict[str, str]:
    """Node, by its name and op → the provider that runs it."""
    return {
        f"{node.name} ({node.op_type})" if node.name else node.op_type: part.ep_name
        for part in raw.get_provider_graph_assignment_info()
        for node in part.get_nodes()
    }


def _dtype(theirs: str) -> str:
    return _NAMES.get(theirs) or theirs.removeprefix("tensor(").removesuffix(")")
