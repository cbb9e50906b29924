"""Places are right whatever the line ends, the encoding marks and the characters before them."""

from __future__ import annotations

from pathlib import Path

import pytest

import archc
from archc.diagnostics.diagnostic import CompileError

SPEC = "name: mine\n# {}\ninput: [3, 8, 8]\nbody:\n  a: conv(8, 3, padd=1)\n"


@pytest.mark.parametrize("comment", ["plain", "é", "数据", "😀 😀", "\t", "a\u200db"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_place(tmp_path: Path, comment: str, end: str, mark: bytes) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(mark + SPEC.format(comment).replace("\n", end).encode("utf-8"))
    with pytest.raises(CompileError) as caught:
        archc.compile(path)
    (found,) = caught.value.diagnostics
    assert (found.span.text, found.span.line, found.span.column) == ("padd", 5, 17)


@pytest.mark.parametrize(
    ("value", "marked"),
    [
        ("conv(8, 3, padd=1)", "padd"),
        ("'conv(8, 3, padd=1)'", "padd"),
        ('"conv(8, 3, padd=1)"', "padd"),
        ("conv(数, 3)", "数"),
        ("conv([8, '数'][0], 3, padd=1)", "padd"),
        ("'conv(8, ''3'', 3)'", "''3''"),
        ('"conv(8,\\x20 3, padd=1)"', '"conv(8,\\x20 3, padd=1)"'),  # with such escapes there is no telling
        (">\n    conv(8,\n    3, padd=1)", "padd"),
    ],
)
def test_place_in_a_value(tmp_path: Path, value: str, marked: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"name: mine\ninput: [3, 8, 8]\nbody:\n  a: {value}\n", encoding="utf-8")
    with pytest.raises(CompileError) as caught:
        archc.compile(path)
    assert caught.value.diagnostics[0].span.text.rstrip() == marked
