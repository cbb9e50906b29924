"""Runs archc as a user does, within the process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from archc.cli import run


@dataclass(frozen=True)
class Outcome:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


Archc = Callable[..., Outcome]


def archc_by(capsys: pytest.CaptureFixture[str]) -> Archc:
    """``archc("summarize", "tiny.yaml:small")``, in the current folder."""

    def call(*args: str | Path) -> Outcome:
        capsys.readouterr()
        code = run([str(a) for a in args])
        printed = capsys.readouterr()
        return Outcome(code, printed.out, printed.err)

    return call
