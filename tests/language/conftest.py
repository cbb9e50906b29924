"""``spec``: compile a piece of a spec and ask what came of it."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

import archc
from archc.diagnostics.diagnostic import CompileError, Diagnostic
from archc.diagnostics.render import render
from archc.graph.graph import Graph


class Spec:
    """Specs written in a test. ``name`` and ``input: [3, 8, 8]`` are added where the text has none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, text: str, name: str = "mine.yaml") -> Path:
        text = textwrap.dedent(text).strip("\n") + "\n"
        for key, line in (("input", "input: [3, 8, 8]"), ("name", "name: mine")):
            if name == "mine.yaml" and not re.search(rf"^{key}:", text, re.MULTILINE):
                text = f"{line}\n{text}"
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def graph(self, text: str, **options: Any) -> Graph:
        path = self.write(text)
        try:
            return archc.compile(str(path), **options).graph
        except CompileError as error:
            raise AssertionError(render(error.diagnostics)) from None

    def keys(self, text: str, **options: Any) -> list[str]:
        """The keys of the state_dict, in order."""
        return [e.key for e in self.graph(text, **options).state]

    def weights(self, text: str, **options: Any) -> list[str]:
        """The keys without biases: one a layer, mostly."""
        return [k for k in self.keys(text, **options) if not k.endswith("bias")]

    def shapes(self, text: str, **options: Any) -> dict[str, tuple[int, ...]]:
        return {e.key: e.weight.shape for e in self.graph(text, **options).state}

    def paths(self, text: str, **options: Any) -> list[str]:
        """The paths of the layers, with or without weights, in the order in which they are built."""
        return [n.path for n in self.graph(text, **options).nodes]

    def reads(self, text: str, **options: Any) -> dict[str, list[str]]:
        """Path of a layer → what it reads: paths of layers, or names of inputs."""
        nodes = self.graph(text, **options).nodes
        return {n.path: [t.producer.path if t.producer else t.name for t in n.inputs] for n in nodes}

    def value(self, expression: str, head: str = "") -> Any:
        """The value of an expression, by way of a layer that keeps any number."""
        text = textwrap.dedent(head) + f"\nbody:\n  - scale(float({expression}))\n"
        (node,) = self.graph(text).nodes
        return node.op.given()["factor"]

    def mistakes(self, text: str, **options: Any) -> list[Diagnostic]:
        """What is wrong with a spec, warnings left out."""
        path = self.write(text)
        try:
            archc.compile(str(path), **options)
        except CompileError as error:
            return [d for d in error.diagnostics if d.severity == "error"]
        return []

    def mistake(self, text: str, **options: Any) -> tuple[str, str]:
        """Code and marked text of the one mistake."""
        found = self.mistakes(text, **options)
        assert len(found) == 1, render(found) or "no mistake was found"
        return found[0].code, found[0].span.text


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    return Spec(tmp_path)
