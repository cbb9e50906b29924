"""Target profiles: for which runtime and in which numbers a file is written, and by which passes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from archc.diagnostics.diagnostic import RequestError

# A session maps weights that lie beside the model, and reads and copies those within. Below this it makes no odds.
BESIDE = 128 << 20

Precision = Literal["fp32", "fp16", "bf16", "int8"]


@dataclass(frozen=True, slots=True)
class Profile:
    """A target: ``provider`` is onnxruntime's execution provider that it is for; None where it is for any.

    Weights of ``external_data_from`` bytes or more get a file of their own, if the caller does not say otherwise.
    """

    name: str
    summary: str
    precision: Precision
    provider: str | None
    passes: tuple[str, ...]
    external_data_from: int | None = BESIDE


CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"

_FIRST = ("fold-batch-norm", "drop-identities", "flatten-concats")
_ALWAYS = (*_FIRST, "pool-before-conv")
_INT8 = (*_FIRST, "norm-as-depthwise", "pool-before-conv", "pool-as-depthwise")
_CUDA = (*_FIRST, "norm-relu-as-max", "pool-before-conv", "conv-before-pool")

PROFILES = {
    profile.name: profile
    for profile in (
        Profile("portable", "fp32 for any runtime", "fp32", None, _ALWAYS, external_data_from=None),
        Profile("cpu", "fp32 for onnxruntime on a CPU", "fp32", CPU, _ALWAYS),
        Profile("cpu-int8", "8-bit integers for onnxruntime on an x86 CPU", "int8", CPU, _INT8),
        Profile("cuda-fp32", "fp32 for onnxruntime on an NVIDIA GPU", "fp32", CUDA, _CUDA),
        Profile("cuda-fp16", "fp16 for onnxruntime on an NVIDIA GPU", "fp16", CUDA, _CUDA),
        Profile("cuda-bf16", "bf16 for onnxruntime on an NVIDIA GPU", "bf16", CUDA, _CUDA),
    )
}


def profile(name: str) -> Profile:
    """The profile of that name. Raises RequestError."""
    if name not in PROFILES:
        raise RequestError(f"there is no profile `{name}`", f"profiles: {', '.join(PROFILES)}")
    return PROFILES[name]
