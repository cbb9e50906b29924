"""What holds of any two networks."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archc
from archc.backends.difference import Difference
from archc.backends.difference.rows import rows
from archc.compiler import SpecFile
from archc.graph.comparison import Comparison
from archc.graph.graph import Graph
from archc.language import library
from archc.language.files import load_from
from archc.language.filesystem import DISK
from tests.support.builder import Builder

LAYERS: list[tuple[Any, ...]] = [
    ("conv", 4, 3, 1, 1), ("conv", 4, 1), ("conv", 6, 1), ("batch_norm",), ("group_norm", 2), ("relu",), ("tanh",),
    ("dropout", 0.5),
]  # fmt: skip
NAMES = ["a", "b", "c1", "c2", "long"]

layer = st.sampled_from(LAYERS)
tree = st.recursive(
    layer,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4),
        st.dictionaries(st.sampled_from(NAMES), inner, min_size=1, max_size=4),
    ),
    max_leaves=12,
)
trees = st.dictionaries(st.sampled_from(NAMES), tree, min_size=1, max_size=4)


@st.composite
def edited(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """A tree, and the same after a few edits: a part put in, taken out, replaced or renamed."""
    a = draw(trees)
    b = deepcopy(a)
    for _ in range(draw(st.integers(0, 3))):
        places = list(containers(b))
        part = draw(st.sampled_from(places))
        new, name = draw(tree), draw(st.sampled_from(NAMES))
        if isinstance(part, list):
            at = draw(st.integers(0, len(part) - 1))
            part[at : at + draw(st.integers(0, 1))] = [new]
            continue
        old = draw(st.sampled_from(list(part)))
        what = draw(st.sampled_from(["put", "take", "rename"]))
        if what == "put":
            part[name] = new
        elif what == "rename":
            items = [(name if key == old else key, value) for key, value in part.items()]
            part.clear()
            part.update(items)
        elif len(part) > 1:
            del part[old]
    return (a, b) if draw(st.booleans()) else (b, a)


def containers(part: Any) -> Iterator[Any]:
    if isinstance(part, tuple):
        return
    yield part
    for inner in part.values() if isinstance(part, dict) else part:
        yield from containers(inner)


pairs = st.one_of(st.tuples(trees, trees), edited())
Pair = tuple[dict[str, Any], dict[str, Any]]
residual = st.booleans()


def build(tree: dict[str, Any], residual: bool) -> Graph:
    """A chain of layers, and in containers where that fits a sum with what came in."""
    b = Builder("net", [4, 5, 5])

    def add(name: str, part: Any) -> None:
        if isinstance(part, tuple):
            b.add(name, *part)
            return
        children = part.items() if isinstance(part, dict) else ((str(i), p) for i, p in enumerate(part))
        with b.module(name, kind="mapping" if isinstance(part, dict) else "list"):
            begin = b.prev
            for child, inner in children:
                add(child, inner)
            if residual and isinstance(part, dict) and begin.shape == b.prev.shape:
                b.add("sum", "add", on=[begin, b.prev])

    for name, part in tree.items():
        add(name, part)
    return b.graph()


def paths(comparison: Comparison, turned: bool = False) -> set[tuple[str, str | None, str | None]]:
    kinds = {"added": "removed", "removed": "added"} if turned else {}
    sides = [(kinds.get(c.kind, c.kind), c.a and c.a.path, c.b and c.b.path) for c in comparison.changes]
    return {(kind, b, a) if turned else (kind, a, b) for kind, a, b in sides}


@settings(max_examples=60, deadline=None)
@given(trees, residual)
def test_a_network_does_not_differ_from_itself(tree: dict[str, Any], residual: bool) -> None:
    comparison = Comparison(build(tree, residual), build(tree, residual))
    assert comparison.same and not comparison.changes and comparison.weights.complete
    assert not comparison.weights.renamed and not comparison.weights.displaced
    assert "the same network" in Difference("a", "b", [comparison]).text()


@settings(max_examples=150, deadline=None)
@given(pairs, residual)
def test_turned_round_it_says_the_reverse(pair: Pair, residual: bool) -> None:
    a, b = pair
    there, back = Comparison(build(a, residual), build(b, residual)), Comparison(build(b, residual), build(a, residual))
    assert paths(there) == paths(back, turned=True)
    assert there.same == back.same
    one, other = there.weights, back.weights
    assert [e.key for e in one.fresh] == [e.key for e in other.dropped]
    for name in ("carried", "other_op", "reshaped", "displaced"):
        assert {p.b.key for p in getattr(one, name)} == {p.a.key for p in getattr(other, name)}
    assert {(p.a.key, p.b.key) for p in one.renamed} == {(p.b.key, p.a.key) for p in other.renamed}


@settings(max_examples=150, deadline=None)
@given(pairs, residual)
def test_changes_add_up_and_each_layer_is_told_once(pair: Pair, residual: bool) -> None:
    a, b = pair
    comparison = Comparison(build(a, residual), build(b, residual))
    totals = [cost.total for cost in comparison.costs]
    for unfold in (False, True):
        shown = rows(comparison, unfold)
        assert sum(r.params for r in shown) == totals[1].params - totals[0].params
        assert sum(r.macs for r in shown) == totals[1].macs - totals[0].macs
        assert sum(r.times for r in shown) == len(comparison.changes)
    found = [c.child for c in comparison.changes]
    assert len(found) == len(set(found))
    weights = comparison.weights
    divided = [*weights.fresh, *(p.b for s in (weights.carried, weights.other_op, weights.reshaped) for p in s)]
    assert sorted(e.key for e in divided) == sorted(e.key for e in weights.b)


@settings(max_examples=60, deadline=None)
@given(pairs, residual)
def test_no_change_means_equal_graphs(pair: Pair, residual: bool) -> None:
    a, b = pair
    ours, theirs = build(a, residual), build(b, residual)
    plain = [[(n.path, n.op, [t.shape for t in n.outputs]) for n in g.nodes] for g in (ours, theirs)]
    assert Comparison(ours, theirs).same == (plain[0] == plain[1])


@pytest.mark.parametrize("path", library.models(), ids=lambda path: path.stem)
def test_the_library_does_not_differ_from_itself(path: Path) -> None:
    """Read twice, so that nothing is equal only because it is one object."""
    files = [SpecFile(path, load_from(DISK, path)) for _ in range(2)]
    for variant in files[0].variants:
        a, b = (file.compile(variant).graph for file in files)
        assert Comparison(a, b).same, variant


def test_thousands_of_layers(tmp_path: Path) -> None:
    """A layer put before 3,000 others moves their numbers, and they are found all the same."""
    path = tmp_path / "long.yaml"
    text = "name: long\ninput: [4, 4, 4]\nbody:\n  features:\n    - for i in range(1000):\n"
    text += "".join(f"        - {layer}\n" for layer in ("conv(4, 1)", "batch_norm", "relu"))
    path.write_text(text)
    a = archc.compile(path)
    path.write_text(text.replace("features:\n", "features:\n    - tanh\n"))
    difference = a.diff(archc.compile(path))
    assert len(difference.compared[0].weights.renamed) == 7000
    assert "3000 layers, were features.{0…2999}" in difference.text()
