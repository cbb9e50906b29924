"""The devices that a model can be asked to run on, and what it means that one is not there."""

from __future__ import annotations

from collections.abc import Sequence

CPU, CUDA = "cpu", "cuda"
DEVICES = (CPU, CUDA)

# Device → onnxruntime's execution provider, as it names it.
PROVIDERS = {CPU: "CPUExecutionProvider", CUDA: "CUDAExecutionProvider"}


class DeviceError(Exception):
    """The device asked for can't be used: ``problems`` says why, ``remedy`` what to do about it."""

    def __init__(self, message: str, problems: Sequence[str] = (), remedy: str = "") -> None:
        super().__init__("; ".join([message, *problems]))
        self.message, self.problems, self.remedy = message, tuple(problems), remedy
