"""``archc``: the command line, in a folder with a small spec, ``small.yaml``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from archc.cli import run
from tests.verification.nets import written


@dataclass(frozen=True)
class Outcome:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


Archc = Callable[..., Outcome]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the spec in it."""
    monkeypatch.chdir(tmp_path)
    written(tmp_path)
    return tmp_path


@pytest.fixture
def archc(folder: Path, capsys: pytest.CaptureFixture[str]) -> Archc:
    """``archc("verify", "small.yaml")``."""

    def call(*args: str | Path) -> Outcome:
        capsys.readouterr()
        code = run([str(a) for a in args])
        printed = capsys.readouterr()
        return Outcome(code, printed.out, printed.err)

    return call
