"""After a mistake: what hangs on it is silent, and all else is reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import archc

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Spec


@pytest.mark.parametrize(
    ("first", "name"),
    [
        ("if nowhere:\n    a: conv(4, 1)", "a"),
        ("if nowhere: relu\n  else:\n    a: conv(4, 1)", "a"),
        ("if 3 +:\n    a: conv(4, 1)", "a"),
        ("for i in nowhere:\n    up${i}: conv(4, 1)", "up0"),
        ("for i in nowhere:\n    c.${i}: conv(4, 1)", "c.0"),
        ("for i of range(3):\n    a: conv(4, 1)", "a"),
        ("for i in nowhere:\n    if i:\n      a: conv(4, 1)", "a"),
        ("up${nowhere}: conv(4, 1)", "up1"),
        ("up${1 +}: conv(4, 1)", "up1"),
        ("type: conv(4, 1)", "type"),
        ("f:\n    for i in nowhere:\n      a: conv(4, 1)\n    b: relu", "f.a"),
        ("f:\n    for i in nowhere:\n      - conv(4, 1)\n    b <- x: relu", "f.2"),
        ("f:\n    for i in nowhere:\n      - conv(4, 1)\n    b <- x: relu", "f.*"),
        ("f:\n    - {a: conv(4, 1)}\n    - b <- x: relu", "f.a"),
    ],
)
def test_names_that_a_mistake_took_away_are_not_missing(spec: Spec, first: str, name: str) -> None:
    assert len(spec.mistakes(f"body:\n  {first}\n  y <- x, {name}: concat\n  z: conv(y.channels, 1)")) == 1


def test_names_that_no_mistake_took_away_are_missing(spec: Spec) -> None:
    text = """
        body:
          for i in nowhere:
            up${i}: conv(4, 1)
          y <- upper, up1: concat
          z <- down0: relu
    """
    assert [d.span.text for d in spec.mistakes(text)] == ["nowhere", "down0"]


def test_channels_of_what_is_not_built(spec: Spec) -> None:
    assert spec.mistake("body:\n  if nowhere:\n    a: conv(4, 1)\n  b: conv(a.channels, 1)") == (
        "unknown-name",
        "nowhere",
    )


@pytest.mark.parametrize(
    "text",
    [
        "let: {k: 1 +}\nbody:\n  a: conv(k, 1)",
        "body:\n  let: {k: 1 +}\n  a: conv(k, 1)",
        "let: {k: max(1, 2)}\nbody:\n  a: conv(k, 1)",
        "body:\n  let: {k: max(1, 2)}\n  a: conv(k, 1)",
        "params: {k: {v: 1}}\nbody:\n  a: conv(k, 1)",
        "params: {k: 1, m: max(1, 2)}\nbody:\n  a: conv(k, 1)",
        "param: {k: 1}\nbody:\n  a: conv(k, 1)",
        "block:\n  unit(n) <- p: conv(n, 1)\nbody:\n  a: unit(3)",
        "params: {bs: [unit]}\nblocks:\n  unit(1): relu\nbody:\n  - bs[0](3)\n  - bs[0]",
        "body: {a: conv(3, 1)}\nhead:\n  b <- a: relu",
        "boddy:\n  a: relu\noutputs: {y: a}",
        "body: chunk(3)\noutputs: 3",
        "body: relu\noutputs: {y: nowhere, z: '0'}\nlabels: {y: [a, b], z: [a, b, c]}",
        "input: [3, x, 8]\nvariants: {v: {input: [3, 9, 9]}}\nbody: relu",
    ],
)
def test_one_mistake_is_reported_once(spec: Spec, text: str) -> None:
    assert len(spec.mistakes(text)) == 1


def test_a_misspelled_input_is_not_missing_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("inputs: [3, 8, 8]\nbody: relu\n", encoding="utf-8")
    with pytest.raises(archc.CompileError) as caught:
        archc.compile(path)
    assert [d.code for d in caught.value.diagnostics] == ["unknown-key"]


@pytest.mark.parametrize(
    "text",
    [
        "input: {}\nbody: relu",
        "input: {a: [3, 8, 8], b: []}\nbody:\n  c <- a, b: concat",
        "input: {a: [3, x, 8]}\nbody:\n  c <- a: relu",
        "body:\n  a: relu\noutputs:\n  y: a\n  z:",
    ],
)
def test_what_an_input_or_output_lacks_is_reported_once(spec: Spec, text: str) -> None:
    assert len(spec.mistakes(text)) == 1
