"""A session's settings as Triton's ONNX Runtime backend takes them, and what of them it does not take.

https://github.com/triton-inference-server/onnxruntime_backend
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from archc.runtime.settings import CudaSettings, Settings

# Level of onnxruntime's graph optimization → ``optimization { graph { level } }``; all of it is Triton's default.
_LEVELS: Mapping[str, int | None] = {"all": None, "extended": 1, "basic": -1, "disabled": 2}

# Options of the CUDA provider that Triton reads among the parameters, by number, and otherwise sets to its defaults
# whatever the accelerator's parameters say.
_CUDA_PARAMETERS: Mapping[str, Callable[[str], str]] = {
    "cudnn_conv_algo_search": lambda value: str(("EXHAUSTIVE", "HEURISTIC", "DEFAULT").index(value)),
    "arena_extend_strategy": lambda value: str(("kNextPowerOfTwo", "kSameAsRequested").index(value)),
    "gpu_mem_limit": str,
}
# Options of the CUDA provider that can't be handed on, and why.
_CUDA_REFUSED = {
    "enable_cuda_graph": "Triton gives a model new buffers for each request, which a captured graph would not see",
    "device_id": "Triton numbers the GPUs itself; `gpus` of `instance_group` chooses",
}
_CONFIG_PARAMETERS = ("session.use_device_allocator_for_initializers",)


@dataclass(frozen=True)
class Options:
    """``parameters`` and ``graph_level`` of a model, ``cuda`` of its accelerator, and ``left``: what is left out."""

    parameters: Mapping[str, str] = field(default_factory=lambda: dict[str, str]())
    graph_level: int | None = None
    cuda: Mapping[str, str] = field(default_factory=lambda: dict[str, str]())
    left: tuple[str, ...] = ()


def of_settings(settings: Settings, *, gpu: bool) -> Options:
    """What Triton is told; the CUDA provider's options only where a GPU may be used."""
    left = [*_left(settings)]
    parameters = dict(_parameters(settings))
    cuda: dict[str, str] = {}
    if gpu:
        given = _changed(settings.cuda)
        parameters |= {name: say(given[name]) for name, say in _CUDA_PARAMETERS.items() if name in given}
        cuda = {n: v for n, v in given.items() if n not in _CUDA_PARAMETERS and n not in _CUDA_REFUSED}
        left += [f"{n}={given[n]}: {why}" for n, why in _CUDA_REFUSED.items() if n in given]
    return Options(parameters, _LEVELS.get(settings.graph_optimization), cuda, tuple(left))


def _parameters(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.intra_op_threads:
        yield "intra_op_thread_count", str(settings.intra_op_threads)
    if settings.inter_op_threads:
        yield "inter_op_thread_count", str(settings.inter_op_threads)
    if settings.execution == "parallel":
        yield "execution_mode", "1"
    if not settings.cpu_mem_arena:
        yield "enable_mem_arena", "0"
    if not settings.mem_pattern:
        yield "enable_mem_pattern", "0"
    yield from ((key, settings.config[key]) for key in _CONFIG_PARAMETERS if key in settings.config)


def _left(settings: Settings) -> Iterator[str]:
    if settings.graph_optimization not in _LEVELS:
        yield f"graph_optimization={settings.graph_optimization}: Triton has no such level, and optimizes all"
    for key in settings.config.keys() - set(_CONFIG_PARAMETERS):
        yield f"{key}={settings.config[key]}: Triton's ONNX Runtime backend does not hand it on"


def _changed(cuda: CudaSettings) -> dict[str, str]:
    """The options that differ from those of no settings at all."""
    default = CudaSettings().options()
    return {name: value for name, value in cuda.options().items() if default.get(name) != value}
