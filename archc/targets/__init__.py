"""What ``archc build --to`` can write: one module here for each, found by its name, imported when it is wanted.

A module ``NAME.py`` holds ``target``, a ``Target``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Protocol

from archc.network import Network, Weighted


@dataclass(frozen=True, slots=True)
class Options:
    """What a build may be told. A target takes from it what concerns it.

    ``weights`` are the network's, as they were loaded; without, they are random from ``seed``. ``external_data_from``
    is the number of bytes of weights from which they get a file of their own. ``export`` holds the choices of ONNX, by
    the arguments of ``archc.Network.onnx``; ``verbose`` asks what was done on the way.
    """

    weights: Weighted | None = None
    seed: int = 0
    external_data_from: int | None = None
    export: Mapping[str, Any] = field(default_factory=dict[str, Any])
    verbose: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """What a target wrote: its files, the main one first, one line that describes it, and lines on its weights."""

    files: Sequence[Path]
    summary: str
    notes: Sequence[str] = ()


class TargetError(Exception):
    """The target can't be written as asked; the message is for the user."""


class Target(Protocol):
    """Something that writes a network into files."""

    needs_weights: bool

    def write(self, network: Network, folder: Path, options: Options) -> Written:
        """Write the network into ``folder``. Raises TargetError and WriteError."""
        ...


def names() -> list[str]:
    """The names of all targets, the default first."""
    found = sorted(module.name for module in iter_modules(__path__))
    return sorted(found, key=lambda name: name != DEFAULT)


DEFAULT = "source"


def load(name: str) -> Target:
    """The target of that name."""
    return import_module(f"{__name__}.{name}").target


def stem(network: Network) -> str:
    """The name of a network's files, without their suffix; one that Python can import."""
    name = "".join(c if c.isalnum() else "_" for c in network.graph.variant)
    return f"_{name}" if name[0].isdigit() else name
