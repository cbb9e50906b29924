"""`weights` of a spec: rules over the names and shapes in a file, and the mistakes that can be made in them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import archc
from archc.backends.expanded import expanded
from archc.backends.weights import WeightsError
from archc.backends.weights.formats import as_text
from archc.diagnostics.diagnostic import CompileError
from archc.diagnostics.span import Source, Span
from archc.display.paths import fold
from archc.graph.patterns import stars
from archc.graph.weight_rules import WeightRule

SPEC = """\
name: t
input: [3, 8, 8]
params: {wide: false, norm: true, num_classes: 3}
body:
  conv: conv(8 if wide else 4, 3)
  if norm:
    bn: batch_norm
head:
  pool: global_avg_pool
  flatten: flatten
  fc: linear(num_classes)
weights:
"""
HERE = Span(Source("t.yaml", ""), 0, 0)
TEXT = st.text("ab.*", max_size=8)


def rule(**fields: Any) -> WeightRule:
    return WeightRule(HERE, **fields)


@given(TEXT, TEXT)
def test_a_pattern_fits_as_a_shell_s_does(pattern: str, text: str) -> None:
    found = stars(pattern, text)
    assert (found is not None) == fnmatchcase(text, pattern)
    if found is not None:
        head, *rest = pattern.split("*")
        assert head + "".join(f + part for f, part in zip(found, rest, strict=True)) == text


@given(TEXT, TEXT)
def test_a_pattern_renamed_to_itself_changes_nothing(pattern: str, key: str) -> None:
    assert rule(rename={pattern: pattern}).renamed(key) == key


def test_the_first_pattern_that_fits_gives_the_name() -> None:
    renames = rule(rename={"a.*": "b.*", "*.w": "x.*"})
    assert [renames.renamed(k) for k in ("a.w", "c.w", "c.v")] == ["b.w", "x.c", "c.v"]


@pytest.mark.parametrize(
    ("fields", "applies"),
    [
        ({}, True),
        ({"file": "net-*.pth"}, True),
        ({"file": "net"}, False),
        ({"has": ("a.*",)}, True),
        ({"has": ("a.*", "c.*")}, False),
        ({"lacks": ("c.*",)}, True),
        ({"lacks": ("c.*", "b*")}, False),
        ({"shape": {"a.w": (4, 3)}}, True),
        ({"shape": {"a.w": (4, 2)}}, False),
        ({"shape": {"c": (4,)}}, False),
        ({"shape": {"b": ()}}, True),
        ({"file": "net-*", "has": ("b",), "lacks": ("c",), "shape": {"a.w": (4, 3)}}, True),
    ],
)
def test_all_conditions_must_hold(fields: dict[str, Any], applies: bool) -> None:
    assert rule(**fields).applies("net-1.pth", {"a.w": (4, 3), "b": ()}) is applies


KEYS = st.lists(st.sampled_from([f"{a}.{b}.{c}" for a in "xy" for b in "ab" for c in "01"] + ["x.c", "z"]), unique=True)


@given(KEYS, KEYS)
def test_folded_keys_are_all_keys_and_no_others(wanted: list[str], others: list[str]) -> None:
    universe = [*wanted, *(k for k in others if k not in wanted)]
    folded = list(fold(wanted, universe))
    assert sum(count for _, count in folded) == len(wanted)
    assert {key for key in universe if any(stars(p, key) is not None for p, _ in folded)} == set(wanted)


def test_names_that_are_meant_to_take_long(tmp_path: Path) -> None:
    net = compiled(tmp_path, "  - rename: {'*a*a*a*a*b': '*****b'}\n")
    given = {"module." * 50_000: np.ones(1), "a." * 50_000: np.ones(1), "module." * 40_000 + "a": np.ones(1)}
    found = net.load_weights(given, check=False)
    assert len(found.report.unexpected) == 3
    assert " unexpected        3        3\n" in as_text(found.loaded, False, None)


# --- in a spec ------------------------------------------------------------------------------------------------------


def compiled(tmp_path: Path, rules: str, **params: Any) -> archc.Network:
    (tmp_path / "t.yaml").write_text(SPEC + rules)
    return archc.compile(tmp_path / "t.yaml", **params)


def state(*, wide: bool = False, norm: bool = True) -> dict[str, Any]:
    width = 8 if wide else 4
    found = {"conv.weight": np.ones((width, 3, 3, 3)), "conv.bias": np.ones(width)}
    if norm:
        found |= {f"bn.{name}": np.ones(width) for name in ("weight", "bias", "running_mean", "running_var")}
        found["bn.num_batches_tracked"] = np.array(2)
    return found | {"fc.weight": np.ones((3, width)), "fc.bias": np.ones(3)}


def test_rules_see_the_names_that_those_before_them_left(tmp_path: Path) -> None:
    net = compiled(
        tmp_path,
        "  - rename: {'old.*': 'new.*'}\n"
        "  - {has: 'new.*', rename: {'new.*': 'conv.*'}}\n"
        "  - {has: 'new.*', params: {wide: true}}\n",
    )
    given = {key.replace("conv.", "old."): value for key, value in state().items()}
    found = net.load_weights(given)
    assert found.report.renamed == {"old.weight": "conv.weight", "old.bias": "conv.bias"}
    assert found.report.params == ()


def test_a_name_is_not_taken_from_a_tensor_that_has_it(tmp_path: Path) -> None:
    net = compiled(tmp_path, "  - rename: {'old.*': 'conv.*'}\n")
    with pytest.raises(WeightsError, match=r"1 unexpected:\n    `old\.weight`"):
        net.load_weights({**state(), "old.weight": np.zeros((4, 3, 3, 3))})


def test_several_parameters_of_a_file(tmp_path: Path) -> None:
    rules = "  - {shape: {conv.bias: [8]}, params: {wide: true}}\n  - {lacks: 'bn.*', params: {norm: false}}\n"
    net = compiled(tmp_path, rules)
    assert net.load_weights(state()).report.params == ()
    found = net.load_weights(state(wide=True, norm=False))
    assert [(p.name, p.value, p.why) for p in found.report.params] == [
        ("wide", True, f"its `conv.bias` is 8 ({net.file.name}:13)"),
        ("norm", False, f"it has no `bn.*` ({net.file.name}:14)"),
    ]
    with pytest.raises(WeightsError, match=r"`conv\.weight` is 8 × 3 × 3 × 3, not 4 × 3 × 3 × 3"):
        compiled(tmp_path, rules, wide=False).load_weights(state(wide=True))


def test_only_what_a_rule_that_applies_names_may_be_left(tmp_path: Path) -> None:
    extra = {**state(), "aux.w": np.ones(1), "other": np.ones(2)}
    net = compiled(tmp_path, "  - drop: 'aux.*'\n  - {lacks: conv.weight, drop: other}\n")
    with pytest.raises(WeightsError, match=r"1 unexpected:\n    `other`"):
        net.load_weights(extra)
    del extra["other"]
    assert net.load_weights(extra).report.dropped == ("aux.w",)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("  a: 1", "`weights` must be a list of rules"),
        ("  - text", "a rule of `weights` must be a mapping"),
        ("  - {has: x}", "does nothing without one of `rename`, `drop` and `params`"),
        ("  - {drops: x}", "a rule of `weights` has no `drops`"),
        ("  - {drop: [1]}", "`drop` must be a pattern over the file's keys, or a list of them"),
        ("  - {drop: x, shape: {a: [0]}}", "`shape` must be key of the file → its shape"),
        ("  - {drop: x, file: [a]}", "`file` must be text"),
        ("  - rename: {'*.a.*': '*.b'}", "both sides of `rename` have as many `*`"),
        ("  - params: {wider: true}", "there is no parameter `wider`"),
        ("  - params: {wide: 3}", "the parameter `wide` is true or false, as its default is"),
    ],
)
def test_mistakes_are_said_at_their_place(tmp_path: Path, rules: str, said: str) -> None:
    with pytest.raises(CompileError) as e:
        compiled(tmp_path, rules + "\n")
    (only,) = e.value.diagnostics
    assert said in only.message
    assert only.span.line == 13


def test_blocks_for_others_have_no_files_of_weights(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("blocks:\n  a: relu\nweights:\n  - drop: x\n")
    (tmp_path / "t.yaml").write_text("input: [3, 8, 8]\nuse: {./b.yaml: [a]}\nbody: [a]\n")
    with pytest.raises(CompileError, match="`weights` speaks of a network, and this file has only blocks"):
        archc.compile(tmp_path / "t.yaml")


def test_an_expanded_spec_reads_the_same_files(tmp_path: Path) -> None:
    net = compiled(
        tmp_path,
        "  - {lacks: [x, 'y.*'], rename: {'old.*': 'conv.*'}}\n"
        "  - {file: 'the weights', has: fc.bias, shape: {fc.bias: [3]}, drop: ['aux.*', '\"b\"']}\n"
        "  - {lacks: 'bn.*', params: {norm: false}}\n",
    )
    (tmp_path / "expanded.yaml").write_text(expanded(net.graph))
    given = {key.replace("conv.", "old."): value for key, value in state().items()} | {"aux.w": np.ones(1)}
    found = archc.compile(tmp_path / "expanded.yaml").load_weights(given)
    assert len(found.report.renamed) == 2 and found.report.dropped == ("aux.w",)
