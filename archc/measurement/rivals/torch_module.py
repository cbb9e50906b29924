"""The generated module in torch, made ready for inference on a device."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

import torch as typed_torch
from torch import Tensor, nn

from archc.measurement.inputs import Array
from archc.measurement.rivals.base import Candidate, Case, RivalError
from archc.runtime.devices import CPU, CUDA

torch: Any = typed_torch  # some of its functions have types that are half unknown

_HALVES = {"fp16": torch.float16, "bf16": torch.bfloat16}


def prepared(case: Case, *, channels_last: bool) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """The module in eval mode and its inputs, in the model's precision where that is fp16 or bf16."""
    if case.device == CUDA and not torch.cuda.is_available():
        raise RivalError("this torch was built without CUDA, or finds no device")
    check_inputs(case)
    module: Any = case.subject.known().module().eval().requires_grad_(requires_grad=False)
    inputs: tuple[Any, ...] = tuple(torch.from_numpy(array) for array in case.inputs.values())
    kind = _HALVES.get(case.precision)
    if kind is not None:
        module, inputs = module.to(kind), tuple(x.to(kind) for x in inputs)
    module, inputs = module.to(case.device), tuple(x.to(case.device) for x in inputs)
    if channels_last:
        module = module.to(memory_format=torch.channels_last)
        inputs = tuple(x.to(memory_format=torch.channels_last) if x.dim() == 4 else x for x in inputs)
    return module, inputs


def check_inputs(case: Case) -> None:
    """Raises RivalError where the model does not take what its network takes, as one that resizes images itself."""
    wanted = [shape.dims for shape in (t.shape for t in case.subject.known().network.graph.inputs.values())]
    if [shape[1:] for shape in case.shapes.values()] != [tuple(dims) for dims in wanted]:
        raise RivalError("the model does more than its network, such as preprocessing: its inputs are others")


def candidate(case: Case, name: str, kind: str, module: Callable[..., Any], inputs: Sequence[Tensor]) -> Candidate:
    """A module, or what was compiled of it, as a candidate. Weights and inputs are on the device already."""
    kept: list[Any] = [None]

    def run() -> None:
        with torch.inference_mode():
            kept[0] = module(*inputs)
        if case.device == CUDA:
            torch.cuda.synchronize()

    def outputs() -> Mapping[str, Array]:
        return named(kept[0], case.outputs)

    if case.device == CPU:
        torch.set_num_threads(case.threads)  # it is one number for the process
    return Candidate(name, kind, case.precision if case.precision in _HALVES else "fp32", run, outputs)


def named(result: Any, names: Sequence[str]) -> dict[str, Array]:
    """What a module gave, by the names of the model's outputs: a tensor, several in order, or a mapping."""
    tensors: list[Any] = [result] if isinstance(result, Tensor) else list(getattr(result, "values", lambda: result)())
    return {name: t.detach().float().cpu().numpy() for name, t in zip(names, tensors, strict=True)}


@contextlib.contextmanager
def quiet() -> Generator[None, None, None]:
    """Compilers and exporters report their progress, and what their libraries will deprecate."""
    level, said = logging.root.manager.disable, io.StringIO()
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
