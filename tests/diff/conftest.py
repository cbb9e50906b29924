"""``compare``: two pieces of specs side by side."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

import archc
from archc.graph.comparison import Comparison
from archc.network import Network

Compare = Callable[..., Comparison]
NetworkOf = Callable[[str], Network]


@pytest.fixture
def network(tmp_path: Path) -> NetworkOf:
    """The network of a spec's text, to which a name and an input are added."""
    made: list[Path] = []

    def compile(text: str) -> Network:
        path = tmp_path / f"net{len(made)}.yaml"
        made.append(path)
        text = textwrap.dedent(text).strip("\n") + "\n"
        head = "" if "\ninput:" in f"\n{text}" else "input: [3, 8, 8]\n"
        path.write_text(f"name: net\n{head}{text}", encoding="utf-8")
        return archc.compile(path)

    return compile


@pytest.fixture
def compare(network: NetworkOf) -> Compare:
    """The comparison of two texts."""

    def compare(a: str, b: str) -> Comparison:
        return Comparison(network(a).graph, network(b).graph)

    return compare
