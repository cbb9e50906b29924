"""``archc``: the command line, in a folder with a small spec, ``small.yaml``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cli import Archc, archc_by
from tests.verification.nets import written


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the spec in it."""
    monkeypatch.chdir(tmp_path)
    written(tmp_path)
    return tmp_path


@pytest.fixture
def archc(folder: Path, capsys: pytest.CaptureFixture[str]) -> Archc:
    """``archc("verify", "small.yaml")``."""
    return archc_by(capsys)
