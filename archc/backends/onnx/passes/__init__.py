"""The passes over the ONNX of a network: one module here for each, found by its name, imported when it is wanted.

A module ``some_name.py`` holds ``rewrite``, a ``LayerPass`` or a ``ProgramPass`` of the name ``some-name``.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from archc.backends.onnx.passes.base import Applied, Change, LayerPass, Pass, PassError, ProgramPass

__all__ = ["Applied", "Change", "LayerPass", "Pass", "PassError", "ProgramPass", "load", "names"]

_INFRASTRUCTURE = {"base", "contracts", "patterns"}


def names() -> list[str]:
    """The names of all passes."""
    return sorted(
        module.name.replace("_", "-") for module in iter_modules(__path__) if module.name not in _INFRASTRUCTURE
    )


def load(name: str) -> Pass:
    """The pass of that name."""
    return import_module(f"{__name__}.{name.replace('-', '_')}").rewrite
