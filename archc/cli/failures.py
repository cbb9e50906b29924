"""What is said of the exceptions that are the user's to mend."""

from __future__ import annotations

import sys

from archc.diagnostics.diagnostic import CompileError, RequestError
from archc.diagnostics.render import render, use_color
from archc.files import WriteError
from archc.runtime.devices import DeviceError
from archc.runtime.errors import ModelError

FAILED_CHECK, BAD_INPUT, NO_DEVICE, INTERRUPTED, BROKEN_PIPE = 1, 2, 3, 130, 141  # exit codes

# Module → the extra of archc that brings it.
EXTRAS = {
    "numpy": "onnx",
    "onnx": "onnx",
    "ml_dtypes": "onnx",
    "PIL": "runtime",
    "onnxruntime": "runtime",
    "safetensors": "onnx",
    "torch": "torch",
    "torchvision": "vision",
}


def code_of(error: Exception) -> int:
    """The exit code of what ``explain`` has a message for."""
    return NO_DEVICE if isinstance(error, DeviceError) else BAD_INPUT


def explain(error: Exception) -> str | None:
    """The message for the user; None where the mistake is archc's own."""
    if isinstance(error, CompileError):
        return render(error.diagnostics, color=use_color(sys.stderr)).rstrip("\n")
    if isinstance(error, DeviceError):
        lines = [f"error: {error.message}", *(f"  {problem}" for problem in error.problems)]
        steps = error.remedy.replace("\n", "\n      ")
        return "\n".join([*lines, *([f"help: {steps}"] if steps else [])])
    if isinstance(error, RequestError | ModelError):
        return "\n".join([f"error: {error.message}", *([f"help: {error.hint}"] if error.hint else [])])
    if isinstance(error, ImportError):
        return _missing(error)
    if isinstance(error, MemoryError):
        return f"error: there is not enough memory: {error}".rstrip(": ")
    if isinstance(error, WriteError):
        return f"error: {error}"
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"error: {where}{error.strerror or error}"
    return None


def _missing(error: ImportError) -> str | None:
    """Of a library of others that is not there, or that can't be loaded; None for anything else."""
    library = (error.name or "").partition(".")[0]
    if library not in EXTRAS:
        return None
    if isinstance(error, ModuleNotFoundError):
        return f"error: this needs {error.name}, which is not installed: pip install 'archc[{EXTRAS[library]}]'"
    return f"error: {library} is installed, and can't be imported: {error}"
