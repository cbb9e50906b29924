"""The ops of the language. Every module of this package is imported, so a new file is an op without further ado."""

from importlib import import_module
from pkgutil import iter_modules

from archc.ops.base import (
    ONES,
    OPS,
    ZEROS,
    Argument,
    ArgumentError,
    Example,
    Init,
    Kind,
    OnnxEmitter,
    Op,
    OpError,
    Signature,
    TorchExpression,
    TorchModule,
    Weight,
)
from archc.ops.shape import Shape

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = [
    "ONES",
    "OPS",
    "ZEROS",
    "Argument",
    "ArgumentError",
    "Example",
    "Init",
    "Kind",
    "OnnxEmitter",
    "Op",
    "OpError",
    "Shape",
    "Signature",
    "TorchExpression",
    "TorchModule",
    "Weight",
]
