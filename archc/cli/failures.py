"""What is said of the exceptions that are the user's to mend."""

from __future__ import annotations

import sys

from archc.diagnostics.diagnostic import CompileError, RequestError
from archc.diagnostics.render import render, use_color
from archc.files import WriteError

BAD_INPUT, FAILED_CHECK, INTERRUPTED, BROKEN_PIPE = 2, 1, 130, 141  # exit codes

# Module → the extra of archc that brings it.
EXTRAS = {
    "numpy": "onnx",
    "onnx": "onnx",
    "onnxruntime": "runtime",
    "safetensors": "onnx",
    "torch": "torch",
    "torchvision": "vision",
}


def explain(error: Exception) -> str | None:
    """The message for the user; None where the mistake is archc's own."""
    if isinstance(error, CompileError):
        return render(error.diagnostics, color=use_color(sys.stderr)).rstrip("\n")
    if isinstance(error, RequestError):
        return "\n".join([f"error: {error.message}", *([f"help: {error.hint}"] if error.hint else [])])
    if isinstance(error, ModuleNotFoundError) and (extra := EXTRAS.get((error.name or "").partition(".")[0])):
        return f"error: this needs {error.name}, which is not installed: pip install 'archc[{extra}]'"
    if isinstance(error, WriteError):
        return f"error: {error}"
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"error: {where}{error.strerror or error}"
    return None
