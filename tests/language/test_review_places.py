"""A mistake is marked where it stands, in whatever way YAML lets the text be written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from archc.language.alignment import align

if TYPE_CHECKING:
    from conftest import Spec


@pytest.mark.parametrize(
    "value",
    [
        "conv(4,\n      kernel_size=1,\n      pading=1)",
        "conv(4, 1,\n\n      pading=1)",
        "|\n    conv(4, 1,\n      pading=1)",
        "|-  # a comment\n    conv(4, 1, pading=1)\n",
        ">\n    conv(4,\n    1, pading=1)\n",
        '"conv(4,\n      1, pading=1)"',
        "'conv(4, 1,\n\n      pading=1)'",
        "'conv(4, (''a'', 1)[1], pading=1)'",
        '"conv(4, (\\"a\\", 1)[1], pading=1)"',
        '"conv(4, 1,\\\n      \\ pading=1)"',
    ],
)
def test_layers_over_several_lines_and_in_quotes(spec: Spec, value: str) -> None:
    marked = spec.mistake(f"body:\n  a: {value}\n  b: relu")
    assert marked[0] == "unknown-argument"
    if "\\ " not in value:  # other escapes are not followed: the whole value is marked
        assert marked == ("unknown-argument", "pading")


def test_line_ends_of_windows(spec: Spec) -> None:
    path = spec.folder / "mine.yaml"
    path.write_bytes(b"input: [3, 8, 8]\r\nbody:\r\n  a: conv(4,\r\n    1, pading=1)\r\n  b: cnv\r\n")
    from archc import CompileError, compile

    with pytest.raises(CompileError) as caught:
        compile(path)
    assert [(d.span.text, d.span.line, d.span.column) for d in caught.value.diagnostics] == [
        ("pading", 4, 8),
        ("cnv", 5, 6),
    ]


def test_two_mistakes_of_one_kind_in_one_value(spec: Spec) -> None:
    found = spec.mistakes("body:\n  a: conv(4, 1,\n    pading=1,\n    strde=2)")
    assert [d.span.text for d in found] == ["pading", "strde"]


@pytest.mark.parametrize(("text", "raw"), [("a", "b"), ("ab", "a"), ("a", "ab"), ("é", '"\\u00e9"'), ("?", "[a, b]")])
def test_what_can_not_be_brought_together(text: str, raw: str) -> None:
    assert align(text, raw) is None
