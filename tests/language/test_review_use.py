"""Files that use one another: read once each, and again when something has changed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

import archc

if TYPE_CHECKING:
    from conftest import Spec


def ops(spec: Spec, text: str) -> list[str]:
    return [n.op.name for n in spec.graph(text).nodes]


def test_a_file_that_was_missing_is_looked_for_again(spec: Spec) -> None:
    text = "use: {./later.yaml: [a]}\nbody: a"
    assert spec.mistake(text)[0] == "no-such-file"
    spec.write("blocks: {a: gelu}", "later.yaml")
    assert ops(spec, text) == ["gelu"]
    spec.write("blocks: {a: relu}", "later.yaml")
    assert ops(spec, text) == ["relu"]
    (spec.folder / "later.yaml").unlink()
    assert spec.mistake(text)[0] == "no-such-file"


def test_a_block_is_one_by_whatever_way_it_comes(spec: Spec) -> None:
    """Rule 32 compares blocks by identity."""
    spec.write("blocks: {gate: sigmoid}", "gates.yaml")
    spec.write("use: {./gates.yaml: [gate]}\nblocks:\n  c(b):\n    if b == gate: relu\n    else: gelu", "other.yaml")
    assert ops(spec, "use: {./other.yaml: [c], ./gates.yaml: [gate]}\nbody:\n  - c(gate)") == ["relu"]


def test_files_that_many_use_are_read_once(spec: Spec) -> None:
    """Each of 24 files uses the next by two names: read each time, that would be 16 million readings."""
    for i in range(24):
        uses = f"use: {{./e{i + 1}.yaml: [a{i + 1}], '././e{i + 1}.yaml': [b{i + 1}]}}"
        text = f"{uses}\nblocks: {{a{i}: a{i + 1}, b{i}: relu}}"
        spec.write(text, f"e{i}.yaml")
    spec.write("blocks: {a24: gelu, b24: relu}", "e24.yaml")
    assert ops(spec, "use: {./e0.yaml: [a0]}\nbody: a0") == ["gelu"]


def test_a_mistake_in_a_used_file_is_reported_once(spec: Spec) -> None:
    spec.write("blocks: {a: conv(3, 1), b: relu}", "bad.yaml")
    assert spec.mistake("use: {./bad.yaml: [a]}\nbody: a")[0] == "flow-trap"
    spec.write("blocks:\n  a(1): relu", "bad.yaml")
    assert spec.mistake("use: {./bad.yaml: [a]}\nbody: a")[0] == "bad-header"


@pytest.mark.parametrize("path", ["./" + "a" * 5000 + ".yaml", "b" * 5000, "./a\\0b.yaml"])
def test_a_path_that_no_file_can_have(spec: Spec, path: str) -> None:
    assert spec.mistake(f'use:\n  ? "{path}"\n  : [a]\nbody: a')[0] == "no-such-file"


def test_threads_may_compile_at_once() -> None:
    names = ["resnet18", "densenet121", "googlenet"] * 4
    with ThreadPoolExecutor(6) as pool:
        graphs = list(pool.map(lambda name: archc.compile(name).graph, names))
    assert [g.variant for g in graphs] == names
    assert len({len(g.state) for g in graphs}) == 3
