"""What other tools count for a PyTorch module, as they print it."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from typing import Any

import torchinfo
from torch import Tensor, nn

from archc.graph.graph import Mode
from tests.support.vision import import_torchvision

import_torchvision()  # ptflops does so itself, in the way that fails beside a CPU-only torch
from ptflops import get_model_complexity_info  # noqa: E402

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it scripts a function as it is imported
    from fvcore.nn import FlopCountAnalysis


def _torchinfo(module: nn.Module, inputs: Sequence[Tensor], mode: Mode) -> int:
    return torchinfo.summary(module, input_data=list(inputs), mode=mode, verbose=0).total_mult_adds


def _fvcore(module: nn.Module, inputs: Sequence[Tensor], mode: Mode) -> float:
    analysis = FlopCountAnalysis(module.train(mode == "train"), tuple(inputs))
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing is deprecated, and warns of all that is fixed in a trace
        return analysis.total()


def _ptflops(module: nn.Module, inputs: Sequence[Tensor], mode: Mode) -> int:
    class OnGiven(nn.Module):
        """ptflops gives one tensor; the others are at hand."""

        def __init__(self) -> None:
            super().__init__()
            self.module = module

        def forward(self, first: Tensor) -> Any:
            return self.module(first, *inputs[1:])

    said = io.StringIO()
    with redirect_stdout(said):
        found, _ = get_model_complexity_info(
            OnGiven(), tuple(inputs[0].shape[1:]), print_per_layer_stat=False, as_strings=False, ost=said
        )
    assert found is not None, said.getvalue()
    return int(found)


COUNTERS: dict[str, Callable[[nn.Module, Sequence[Tensor], Mode], float]] = {
    "fvcore": _fvcore,
    "ptflops": _ptflops,
    "torchinfo": _torchinfo,
}
MODES: dict[str, tuple[Mode, ...]] = {  # ptflops always counts in eval mode
    "fvcore": ("eval", "train"),
    "ptflops": ("eval",),
    "torchinfo": ("eval", "train"),
}
