"""Corners of the rules that a close reading of the language came upon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Spec


def test_a_let_after_the_only_if_does_not_reach_its_condition(spec: Spec) -> None:
    assert spec.mistake("body:\n  p:\n    if k: relu\n    let: {k: 1}") == ("unknown-name", "k")


@pytest.mark.parametrize("key", ["let k", "let (k)"])
def test_let_stands_alone(spec: Spec, key: str) -> None:
    assert spec.mistake(f"body:\n  {key}: {{k: relu}}") == ("bad-name", key)


@pytest.mark.parametrize("key", ["image.b", "image.b.c", "image.b <- image"])
def test_a_dotted_name_does_not_hide_an_input(spec: Spec, key: str) -> None:
    text = f"input: {{image: [3, 8, 8]}}\nbody:\n  a <- image: relu\n  {key}: relu"
    assert spec.mistake(text)[0] == "doubled-name"


def test_channels_of_a_container_that_a_dotted_name_made(spec: Spec) -> None:
    assert spec.mistake("body:\n  a.b: relu\n  c: conv(a.channels, 1)") == ("not-a-tensor", "a")


@pytest.mark.parametrize("name", ["__init__", "__call__", "__class__", "__dict__"])
def test_names_that_python_gives_a_meaning(spec: Spec, name: str) -> None:
    assert spec.mistake(f"body:\n  {name}: relu") == ("reserved-name", name)


def test_a_part_of_a_text(spec: Spec) -> None:
    assert spec.paths("params: {s: same}\nbody:\n  if 'am' in s: relu\n  if 'ma' not in s: relu") == ["0", "1"]


def test_a_network_that_builds_nothing(spec: Spec) -> None:
    assert spec.mistake("input: {image: [3, 8, 8]}\nbody:\n  if false: relu")[0] == "no-output"


@pytest.mark.parametrize("value", ["constant", "constant()", "'constant(1, 2)'", "zeros(1)", "normal(1, mean=2)"])
def test_an_initialiser_that_is_not_called_right(spec: Spec, value: str) -> None:
    code, marked = spec.mistake(f"body: conv(3, 1)\ninit:\n  conv: {value}")
    assert (code, marked) == ("wrong-argument", value.strip("'"))


def test_a_pattern_of_init_has_one_initialiser(spec: Spec) -> None:
    text = 'body:\n  a: conv(3, 1)\ninit: {"a.*": {weight: zeros}}'
    assert spec.mistake(text) == ("wrong-type", "{weight: zeros}")


def test_preprocess_of_several_inputs_is_by_input(spec: Spec) -> None:
    text = "input: {a: [3, 8, 8], b: [1, 8, 8]}\nbody:\n  c <- a, b: concat\npreprocess: "
    assert spec.mistake(text + "{mean: 0.5}") == ("unknown-key", "mean")
    assert set(spec.graph(text + "{a: {mean: 0.5}, b: {color: gray}}").preprocess) == {"a", "b"}


def test_nested_control_counts_as_depth(spec: Spec) -> None:
    """A block that calls itself from within many `if`s ends in a diagnostic, not in Python's recursion limit."""
    lines = ["blocks:", "  b(n):"]
    for i in range(55):
        lines += ["  " * (i + 2) + f"z{i}: relu", "  " * (i + 2) + "if n:"]
    lines += ["  " * 57 + "a: b(n + 1)", "body:", "  - b(1)"]
    assert spec.mistake("\n".join(lines))[0] == "too-deep"


def test_one_input_called_x_is_the_one_without_a_name(spec: Spec) -> None:
    text = "input: {x: [3, 8, 8]}\nbody:\n  a: relu\n  b <- x: conv(x.channels, 1)\npreprocess: {x: {mean: 0.5}}"
    assert spec.reads(text) == {"a": ["x"], "b": ["x"]}
    assert spec.graph(text).preprocess["x"]["mean"] == 0.5


def test_an_output_is_not_called_like_an_input(spec: Spec) -> None:
    """ONNX has one space of names for both."""
    assert spec.mistake("body:\n  a: relu\noutputs: {x: a}") == ("doubled-name", "x")
