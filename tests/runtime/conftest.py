"""Shared by the tests of what runs models."""

from __future__ import annotations

import pytest

from archc.runtime.environment import environment


@pytest.fixture
def cuda() -> None:
    """Skips the test where CUDA can't be used."""
    if missing := environment().missing():
        pytest.skip("; ".join(missing))
