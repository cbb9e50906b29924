"""specs/README.md is of the networks that there are; what was measured in it is as good as it has to be."""

from __future__ import annotations

import pytest

from tests.zoo.reference import FIGURES, NAMES
from tests.zoo.table import EXACT, PATH, figures


@pytest.fixture(scope="module")
def rows() -> dict[str, list[str]]:
    table = (
        line.strip("| \n").split(" | ") for line in PATH.read_text(encoding="utf-8").splitlines() if line[:1] == "|"
    )
    return {name: cells for name, *cells in table if name != "network" and not name.startswith("-")}


def test_every_network_has_a_row_with_its_figures(rows: dict[str, list[str]]) -> None:
    known = figures()
    assert rows.keys() == known.keys()
    for name, cells in known.items():
        assert rows[name][: len(cells)] == cells, f"{name} is stale: make zoo"


@pytest.mark.parametrize("name", NAMES)
def test_every_network_of_torchvision_is_proven(rows: dict[str, list[str]], name: str) -> None:
    keys, evaluated, trained, onnx = rows[name][4:]
    assert keys == f"{FIGURES[name]['keys']}/{FIGURES[name]['keys']}"
    assert evaluated == trained == EXACT
    assert float(onnx) <= 1e-5
