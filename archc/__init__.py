"""A compiler for convolutional-network architectures: YAML specs to tables, PyTorch and ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archc.version import __version__

if TYPE_CHECKING:
    from archc.backends.difference import Difference
    from archc.backends.table import Table, TableError
    from archc.backends.weights import WeightsError
    from archc.compiler import SpecFile, open_spec
    from archc.diagnostics.diagnostic import CompileError, Diagnostic, RequestError
    from archc.differences import diff
    from archc.files import WriteError
    from archc.network import Network, Weighted, WeightsWarning, compile
    from archc.recovery import Recovered, RecoveryError, recover
    from archc.runtime.devices import DeviceError
    from archc.runtime.errors import ModelError
    from archc.runtime.session import Session, Settings, session
    from archc.verification.result import Verification
    from archc.verification.verify import verify

__all__ = [
    "CompileError", "DeviceError", "Diagnostic", "Difference", "ModelError", "Network", "Recovered", "RecoveryError",
    "RequestError", "Session", "Settings", "SpecFile", "Table", "TableError", "Verification", "Weighted",
    "WeightsError", "WeightsWarning", "WriteError", "__version__", "compile", "diff", "open_spec", "recover", "session",
    "verify",
]  # fmt: skip

_HOMES = {
    "CompileError": "archc.diagnostics.diagnostic",
    "DeviceError": "archc.runtime.devices",
    "Diagnostic": "archc.diagnostics.diagnostic",
    "Difference": "archc.backends.difference",
    "ModelError": "archc.runtime.errors",
    "Network": "archc.network",
    "Recovered": "archc.recovery",
    "RecoveryError": "archc.recovery",
    "RequestError": "archc.diagnostics.diagnostic",
    "Session": "archc.runtime.session",
    "Settings": "archc.runtime.settings",
    "SpecFile": "archc.compiler",
    "Table": "archc.backends.table",
    "TableError": "archc.backends.table",
    "Verification": "archc.verification.result",
    "Weighted": "archc.network",
    "WeightsError": "archc.backends.weights",
    "WeightsWarning": "archc.network",
    "WriteError": "archc.files",
    "compile": "archc.network",
    "diff": "archc.differences",
    "open_spec": "archc.compiler",
    "recover": "archc.recovery",
    "session": "archc.runtime.session",
    "verify": "archc.verification.verify",
}


def __getattr__(name: str) -> Any:
    """Names of the package are imported when they are asked for: every run of pytest imports it, for the plugin."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
