"""What ``archc check --format`` can write: one module here for each, found by its name, imported when it is wanted.

A module ``NAME.py`` holds ``format``, a ``Format``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Protocol

from archc.checking.report import Report

DEFAULT = "text"


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the output, with its line ends. What is ``aside`` goes to stderr where the rest goes to stdout."""

    text: str
    aside: bool = False


class Format(Protocol):
    """A way to write a report."""

    def parts(self, report: Report, *, color: bool) -> Iterator[Part]:
        """The output in its order; with escape sequences for colours only if ``color``."""
        ...


def names() -> list[str]:
    """The names of all formats, the default first."""
    found = sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))
    return sorted(found, key=lambda name: name != DEFAULT)


def load(name: str) -> Format:
    """The format of that name."""
    return import_module(f"{__name__}.{name}").format
