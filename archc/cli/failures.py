"""What is said of the exceptions that are the user's to mend."""

from __future__ import annotations

from archc.diagnostics.diagnostic import CompileError
from archc.files import WriteError

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
        from archc.diagnostics.render import render

        return render(error.diagnostics)
    if isinstance(error, ModuleNotFoundError) and (extra := EXTRAS.get((error.name or "").partition(".")[0])):
        return f"error: this needs {error.name}, which is not installed: pip install 'archc[{extra}]'"
    if isinstance(error, WriteError):
        return f"error: {error}"
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"error: {where}{error.strerror or error}"
    return None
