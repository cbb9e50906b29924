"""A compiler for convolutional-network architectures: YAML specs to tables, PyTorch and ONNX."""

from __future__ import annotations

from archc.compiler import SpecFile, open_spec
from archc.diagnostics.diagnostic import CompileError, Diagnostic, RequestError
from archc.network import Network, compile

__version__ = "0.1.0"

__all__ = ["CompileError", "Diagnostic", "Network", "RequestError", "SpecFile", "compile", "open_spec"]
