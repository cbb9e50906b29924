"""Runs ``archc check`` in a folder of its own."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from tests.cli.conftest import archc, folder

__all__ = ["archc", "folder", "wrong"]

WRONG = Path(__file__).parent / "wrong_specs"


@pytest.fixture
def wrong(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the wrong specs in its ``specs``."""
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    copytree(WRONG, folder / "specs", ignore=ignore_patterns(".*"))
    return folder
