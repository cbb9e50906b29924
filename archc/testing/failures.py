"""How tests of specs fail: with what archc says of the mistake, at its place, and without Python's traceback."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from archc.diagnostics.diagnostic import Diagnostic
from archc.diagnostics.render import render
from archc.diagnostics.span import Source
from archc.display.text import clean


class SpecError(Exception):
    """Diagnostics of a spec, the errors first among them its reason; ``sources`` says where the texts were read."""

    def __init__(self, diagnostics: Sequence[Diagnostic], sources: Mapping[Source, Path]) -> None:
        super().__init__(diagnostics)
        self.diagnostics = diagnostics
        first = next((d for d in diagnostics if d.severity == "error"), diagnostics[0])
        self.path = sources.get(first.span.source, Path(first.span.source.name))
        self.line = first.span.line
        more = len(diagnostics) - 1
        self.summary = f"{clean(first.message)} (line {self.line})" + f", and {more} more" * bool(more)

    def __str__(self) -> str:
        return render(self.diagnostics, counted=len(self.diagnostics) > 1)


def represent(failure: SpecError, excinfo: pytest.ExceptionInfo[BaseException]) -> Any:
    """What pytest keeps of the failure: its text, and the place in the spec as that of the crash."""
    kept = excinfo.getrepr(style="value")
    crash = kept.reprcrash
    if crash is not None:
        crash.path, crash.lineno, crash.message = str(failure.path), failure.line, failure.summary
    return kept


def location(failure: SpecError, root: Path, domain: str) -> tuple[str, int, str]:
    """The place as reports have it: the file from the root of the run, the line from 0."""
    try:
        path = os.path.relpath(failure.path, root)
    except ValueError:  # on another drive
        path = str(failure.path)
    return path, failure.line - 1, domain
