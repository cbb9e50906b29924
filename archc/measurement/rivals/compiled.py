"""``torch.compile``, with its default options, of the generated module."""

from __future__ import annotations

from typing import Any

import torch as typed_torch

from archc.measurement.rivals.base import Candidate, Case, RivalError
from archc.measurement.rivals.torch_module import candidate, prepared, quiet

torch: Any = typed_torch  # its compile has a type that is half unknown


def candidates(case: Case) -> list[Candidate]:
    """In channels_last, which PyTorch advises for convolutions, for one shape."""
    module, inputs = prepared(case, channels_last=True)
    try:
        with quiet():
            compiled = torch.compile(module, dynamic=False)
            made = candidate(case, "torch.compile", "torch-compile", compiled, inputs)
            made.run()  # it compiles now
    except Exception as e:
        raise RivalError(f"torch.compile failed: {_first_line(e)}") from e
    return [made]


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
