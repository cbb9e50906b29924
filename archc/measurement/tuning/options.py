"""The options that can make a session faster, and the values that are worth trying.

https://onnxruntime.ai/docs/performance/tune-performance/threading.html and
https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from archc.runtime.devices import CUDA
from archc.runtime.session import Settings


@dataclass(frozen=True, slots=True)
class Value:
    """A value of an option: as people read it, and the settings with it."""

    text: str
    apply: Callable[[Settings], Settings]


@dataclass(frozen=True, slots=True)
class Option:
    """One coordinate of the search. The first value is what onnxruntime does by itself."""

    name: str
    values: tuple[Value, ...]


def options_for(
    device: str, cores: int, *, threads: int | None = None, allow_tf32: bool = False, precision: str = "fp32"
) -> list[Option]:
    """What is tried on a device, in this order: what matters most comes first.

    ``threads`` fixes their number; ``precision`` is that of the model. TF32 rounds what fp32 models multiply to 10
    bits, so it is tried only where it is allowed.
    """
    if device == CUDA:
        return _cuda(allow_tf32, precision)
    return _cpu(cores if threads is None else threads, fixed=threads is not None)


def start(device: str, *, threads: int | None = None, allow_tf32: bool = False) -> Settings:
    """The settings from which the search sets out: onnxruntime's own, but for TF32, which it has on by itself.

    cuDNN's fused graphs are said to use TF32 whatever this is (onnxruntime's pull request 19470): whoever computes
    less exactly than the start is found out by the outputs, and not kept.
    """
    settings = Settings(intra_op_threads=threads)
    if device == CUDA and not allow_tf32:
        return replace(settings, cuda=replace(settings.cuda, use_tf32=False))
    return settings


def _cpu(cores: int, *, fixed: bool) -> list[Option]:
    counts = [n for n in (1, 2, 4, 8, 16, 32, 64, 128) if n < cores] + [cores]
    found = [
        *([] if fixed else [Option("threads", (_session("default"), *(_threads(n) for n in counts)))]),
        Option("graph_optimization", (_session("all", graph_optimization="all"), *map(_level, ("layout", "extended")))),
        Option("mem_pattern", _switch("mem_pattern", first=True)),
        Option("cpu_mem_arena", _switch("cpu_mem_arena", first=True)),
        Option("set_denormal_as_zero", _entry("session.set_denormal_as_zero", "0", "1")),
    ]
    if cores > 1:
        parallel = _session("parallel", execution="parallel", inter_op_threads=2)
        found += [
            Option("spinning", _entry("session.intra_op.allow_spinning", "1", "0")),
            Option("dynamic_block_base", _entry("session.dynamic_block_base", "0", "4")),
            Option("execution", (_session("sequential", execution="sequential", inter_op_threads=None), parallel)),
        ]
    return found


def _cuda(allow_tf32: bool, precision: str) -> list[Option]:
    """Graphs come first: where launching kernels takes the longest, nothing else could be seen to be faster.

    Of the algorithms of convolutions, DEFAULT is cuDNN's fallback and slow, and is not tried: see
    https://github.com/microsoft/onnxruntime/issues/22705.
    """
    searches = ("EXHAUSTIVE", "HEURISTIC")
    nhwc = precision != "bf16"  # convolutions in NHWC do not take it
    return [
        *([Option("use_tf32", _flag("use_tf32", first=True))] if allow_tf32 else []),
        Option("cuda_graph", _flag("enable_cuda_graph", first=False)),
        *([Option("prefer_nhwc", _flag("prefer_nhwc", first=False))] if nhwc else []),
        Option("fuse_conv_bias", _flag("fuse_conv_bias", first=False)),
        Option("conv_algo_search", _cuda_values("cudnn_conv_algo_search", {name: name for name in searches})),
        Option("conv_max_workspace", _flag("cudnn_conv_use_max_workspace", first=True)),
    ]


def _session(text: str, **changes: Any) -> Value:
    return Value(text, lambda settings: replace(settings, **changes))


def _threads(number: int) -> Value:
    return _session(str(number), intra_op_threads=number)


def _level(name: str) -> Value:
    return _session(name, graph_optimization=name)


def _switch(name: str, *, first: bool) -> tuple[Value, ...]:
    return tuple(_session(_on(value), **{name: value}) for value in (first, not first))


def _entry(key: str, *values: str) -> tuple[Value, ...]:
    """Of a session configuration entry; the first is its default, and is not written down."""

    def value(text: str) -> Value:
        def apply(settings: Settings) -> Settings:
            rest = {k: v for k, v in settings.config.items() if k != key}
            return replace(settings, config=rest if text == values[0] else {**rest, key: text})

        return Value(text, apply)

    return tuple(map(value, values))


def _cuda_values(name: str, values: Mapping[str, Any]) -> tuple[Value, ...]:
    """Of an option of the provider; the first is its default, and is not written down."""

    def value(text: str, given: Any) -> Value:
        return Value(text, lambda settings: replace(settings, cuda=replace(settings.cuda, **{name: given})))

    default, *others = values
    return (value(default, None), *(value(text, values[text]) for text in others))


def _flag(name: str, *, first: bool) -> tuple[Value, ...]:
    return _cuda_values(name, {_on(value): value for value in (first, not first)})


def _on(value: bool) -> str:
    return "on" if value else "off"
