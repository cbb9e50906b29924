"""Scalars by the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/, section 10.3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Spec


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("010", 10), ("-0", 0), ("+1", 1), ("0x1F", 31), ("0o17", 15), ("1e-5", 1e-5), (".5", 0.5), ("1.", 1.0),
        ("-1.5E+3", -1500.0), ("1_000", "1_000"), ("0b11", "0b11"), ("1:30", "1:30"), ("0x", "0x"),
        ("2024-01-01", "2024-01-01"),
        ("on", "on"), ("y", "y"), ("'3'", "3"), ("~", None), ("true", True), ("TRUE", "TRUE"),
    ],
)  # fmt: skip
def test_scalars(spec: Spec, text: str, value: Any) -> None:
    found = spec.graph(f"params: {{a: {text}}}\nbody: relu").params["a"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("text", [".inf", "-.INF", ".nan"])
def test_what_is_no_number_of_this_language(spec: Spec, text: str) -> None:
    found = spec.mistakes(f"params: {{a: {text}}}\nbody: relu")
    assert [(d.span.text, d.message) for d in found] == [(text, "this has no value: this is no finite real number")]


@pytest.mark.parametrize("text", ["1e400", "99999999999999999999", "-9223372036854775809"])
def test_numbers_out_of_bounds(spec: Spec, text: str) -> None:
    assert spec.mistake(f"params: {{a: {text}}}\nbody: relu") == ("too-large", text)
