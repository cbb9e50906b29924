"""The options of onnxruntime's session and of its CUDA provider, as values that are checked and kept as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from archc.runtime.errors import ModelError

Optimization = Literal["disabled", "basic", "extended", "layout", "all"]
Execution = Literal["sequential", "parallel"]
ConvSearch = Literal["EXHAUSTIVE", "HEURISTIC", "DEFAULT"]


_FIRST = ("device_id", 0)  # what onnxruntime takes by itself
MOST_THREADS = 1024  # onnxruntime starts as many as it is told to, and takes the machine with it


class SettingsError(ModelError):
    """Settings that onnxruntime does not have, or values that they do not take."""


@dataclass(frozen=True)
class CudaSettings:
    """Options of the CUDA provider under onnxruntime's names; None leaves onnxruntime's default.

    https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html
    """

    device_id: int = 0
    prefer_nhwc: bool | None = None
    fuse_conv_bias: bool | None = None
    cudnn_conv_algo_search: ConvSearch | None = None
    cudnn_conv_use_max_workspace: bool | None = None
    cudnn_conv1d_pad_to_nc1d: bool | None = None
    use_tf32: bool | None = None
    enable_cuda_graph: bool | None = None
    gpu_mem_limit: int | None = None  # bytes
    arena_extend_strategy: Literal["kNextPowerOfTwo", "kSameAsRequested"] | None = None

    def __post_init__(self) -> None:
        _check(self)

    def options(self) -> dict[str, str]:
        """As the provider takes them."""
        given = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: _text(value) for name, value in given.items() if value is not None and (name, value) != _FIRST}


@dataclass(frozen=True)
class Settings:
    """Options of a session; None leaves onnxruntime's default. Raises SettingsError for values of another kind.

    ``config`` are session configuration entries under onnxruntime's names (``session.set_denormal_as_zero``: ``"1"``).
    """

    intra_op_threads: int | None = None
    inter_op_threads: int | None = None
    graph_optimization: Optimization = "all"
    execution: Execution = "sequential"
    cpu_mem_arena: bool = True
    mem_pattern: bool = True
    cuda: CudaSettings = field(default_factory=CudaSettings)
    config: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        _check(self)
        if max(self.intra_op_threads or 0, self.inter_op_threads or 0) > MOST_THREADS:
            raise SettingsError(f"there can't be more than {MOST_THREADS} threads")

    def to_json(self) -> dict[str, Any]:
        """As plain JSON data; what is left to onnxruntime is left out."""
        data = {f.name: getattr(self, f.name) for f in fields(self)}
        data["cuda"], data["config"] = asdict(self.cuda), dict(self.config)
        data["cuda"] = {name: value for name, value in data["cuda"].items() if value is not None}
        return {name: value for name, value in data.items() if value is not None}

    @classmethod
    def from_json(cls, data: Any) -> Settings:
        """Of what ``to_json`` gave. Raises SettingsError for anything unknown."""
        given = _mapping(data, cls, "settings")
        if "cuda" in given:
            given["cuda"] = CudaSettings(**_mapping(given["cuda"], CudaSettings, "settings.cuda"))
        return cls(**given)


def _mapping(data: Any, cls: type, where: str) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise SettingsError(f"{where} is no mapping")
    known = [f.name for f in fields(cls)]
    if unknown := [str(name) for name in data if name not in known]:  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        raise SettingsError(f"{where} has no {unknown[0]!r}", f"it has {', '.join(known)}")
    return dict(data)  # pyright: ignore[reportUnknownArgumentType]


def _text(value: bool | int | str) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _check(settings: Settings | CudaSettings) -> None:
    """Every field holds a value of its annotation; counts are not negative."""
    for name, kind in get_type_hints(type(settings)).items():
        value = getattr(settings, name)
        kinds = get_args(kind) if get_origin(kind) not in (Literal, Mapping) else (kind,)
        if not any(_is(value, k) for k in kinds or (kind,)):
            raise SettingsError(f"{name} can't be {value!r}", _takes(kinds or (kind,)))


def _is(value: Any, kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if kind is int:
        return type(value) is int and value >= 0
    if get_origin(kind) is Mapping:
        return isinstance(value, Mapping) and all(isinstance(text, str) for pair in value.items() for text in pair)  # pyright: ignore
    return isinstance(value, kind)


def _takes(kinds: tuple[Any, ...]) -> str:
    words = {bool: "true or false", int: "a number from 0 on", Mapping[str, str]: "text → text"}
    return "it is " + " or ".join(
        words.get(kind) or ", ".join(map(str, get_args(kind))) for kind in kinds if kind is not type(None)
    )
