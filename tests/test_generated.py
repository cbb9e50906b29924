"""generated/ is current: what is committed is what archc writes now."""

from __future__ import annotations

import pytest

from tests.generated import FOLDER, files, variants


@pytest.mark.parametrize("variant", variants())
def test_a_network_of_the_library_is_current(variant: str) -> None:
    for name, text in files(variant).items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, f"{name} is stale: make generated"


def test_nothing_else_is_there() -> None:
    wanted = {f"{variant}{suffix}" for variant in variants() for suffix in (".py", ".md")}
    assert {path.name for path in FOLDER.iterdir() if path.name != "__pycache__"} == wanted
