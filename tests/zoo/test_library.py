"""Every shipped spec says whose network it is and what must hold of it; no block stands twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

LIBRARY = Path(__file__).parents[2] / "specs"
FILES = sorted(LIBRARY.rglob("*.yaml"))
MODELS = sorted((LIBRARY / "models").glob("*.yaml"))


def _name(path: Path) -> str:
    return path.relative_to(LIBRARY).as_posix()


def _read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_it_names_itself_and_its_source(path: Path) -> None:
    spec = _read(path)
    assert spec["name"] == path.stem
    assert len(spec["description"]) > 3
    assert len(spec["source"]) > 20


@pytest.mark.parametrize("path", MODELS, ids=_name)
def test_every_variant_has_its_figures(path: Path) -> None:
    spec = _read(path)
    assert spec["expect"].keys() == spec["variants"].keys()
    for variant, figures in spec["expect"].items():
        assert {"params", "macs", "keys", "shape"} <= figures.keys(), variant


def test_no_block_stands_twice() -> None:
    seen: dict[str, str] = {}
    for path in FILES:
        for header, body in _read(path).get("blocks", {}).items():
            text = json.dumps(body)
            parameters = header.partition("(")[2]
            where = f"{_name(path)}: {header}"
            assert (first := seen.setdefault(f"{parameters} {text}", where)) is where, f"{where} is {first}"
