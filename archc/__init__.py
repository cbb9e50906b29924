"""A compiler for convolutional-network architectures: YAML specs to tables, PyTorch and ONNX."""

from __future__ import annotations

from archc.compiler import SpecFile, open_spec
from archc.diagnostics.diagnostic import CompileError, Diagnostic, RequestError
from archc.network import Network, compile
from archc.version import __version__

__all__ = ["CompileError", "Diagnostic", "Network", "RequestError", "SpecFile", "__version__", "compile", "open_spec"]
