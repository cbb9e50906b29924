"""How diagnostics are laid out; each picture is a golden in ``render/``."""

from __future__ import annotations

import re
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from archc.diagnostics.diagnostic import CompileError, Diagnostic, Label
from archc.diagnostics.render import LIMIT, render, use_color
from archc.diagnostics.span import Source, Span

PICTURES = Path(__file__).parent / "render"

SPEC = """\
name: mine
input: [3, 8, 8]
blocks:
  unit(width, stride=1):
    conv1: conv(width, 3, padding=1, stride=stride)
    bn1: batch_norm
    sum <- bn1, x: add
body:
  stage1: unit(64)
  act: relu


  stage2: unit(128, stride=2)
"""


def at(source: Source, words: str, after: str = "") -> Span:
    """The first place of ``words`` behind ``after``."""
    start = source.text.index(words, source.text.index(after) + len(after))
    return Span(source, start, start + len(words))


def error(primary: Label, *secondary: Label, **more: object) -> Diagnostic:
    return Diagnostic("some-code", "what is wrong", primary, secondary, **more)  # type: ignore[arg-type]


def _pictures() -> dict[str, list[Diagnostic]]:
    mine = Source("mine.yaml", SPEC)
    other = Source("blocks/gate.yaml", "blocks:\n  gate(r):\n    fc: conv(r, 1)\n")
    wide = Source("wide.yaml", "body:\n  数据增强: relu(幅度)  # é à\n")
    tabs = Source("tabs.yaml", "body:\n\tfc:\tlinear(10)\n")
    long = Source("long.yaml", "body:\n  fc: " + "linear(" + "1 + " * 25_000 + "oops" + " + 1" * 25_000 + ")\n")
    controls = Source("evil\x1b[2J.yaml", "body:\n  a: re\x1b[31mlu\u202e\x00\x85\ud800\n")
    empty, silent = Source("empty.yaml", ""), Source("last.yaml", "body:")
    whole = "unit(128, stride=2)"
    return {
        "one": [error(Label(at(mine, "relu"), "did you mean `relu6`?"))],
        "no_text": [error(Label(at(mine, "relu")))],
        "stacked": [
            error(
                Label(at(mine, "sum")),
                Label(at(mine, "bn1", "sum <- "), "128 × 4 × 4"),
                Label(at(mine, "x", "bn1, "), "64 × 8 × 8, the input of the block"),
            )
        ],
        "stacked_primary_left": [
            error(
                Label(at(mine, "sum"), "the sum"),
                Label(at(mine, "bn1", "sum <- "), "one"),
                Label(at(mine, "add", "x: "), "two"),
            )
        ],
        "overlapping": [
            error(
                Label(at(mine, "stride", "unit(128, "), "inner"),
                Label(at(mine, whole), "outer"),
                Label(at(mine, "unit", "stage2"), "name"),
            )
        ],
        "same_place": [error(Label(at(mine, "act"), "one"), Label(at(mine, "act"), "two"))],
        "calls": [error(Label(at(mine, "add", "x: "), "here"), Label(at(mine, whole), "in this call"))],
        "near": [error(Label(at(mine, "bn1"), "second"), Label(at(mine, "conv1"), "first"))],
        "other_file": [error(Label(at(other, "r", "conv("), "128"), Label(at(mine, whole), "in this call"))],
        "many_places": [
            error(
                Label(at(mine, "add", "x: ")),
                *(Label(at(Source(f"{i}.yaml", SPEC), whole), "in this call") for i in range(20)),
            )
        ],
        "multi_line": [error(Label(Span(mine, at(mine, "unit").start, at(mine, "body").start), "all of this"))],
        "two_lines": [error(Label(at(mine, "stage1: unit(64)\n  act"), "both"))],
        "notes": [
            error(
                Label(at(mine, "add", "x: ")),
                notes=("a note", "one\nof two lines"),
                help="write\n  sum <- bn1, x: add\n\nor not",
            )
        ],
        "warning": [Diagnostic("unused", "not used", Label(at(mine, "act")), severity="warning")],
        "wide": [error(Label(at(wide, "幅度"), "wide"), Label(at(wide, "relu"), "名"), Label(at(wide, "à"), "narrow"))],
        "tabs": [error(Label(at(tabs, "linear"), "behind a tab"))],
        "tab_itself": [error(Label(at(tabs, "\t"), "a tab"))],
        "long_line": [error(Label(at(long, "oops"), "here"), Label(at(long, "linear"), "in this call"))],
        "long_span": [error(Label(Span(long, 12, len(long.text) - 1), "all of it"))],
        "controls": [
            error(Label(at(controls, "re\x1b[31mlu"), "\x1b]0;title\x07"), notes=("\x1b[2Jnote",), help="\u202ehelp\r")
        ],
        "end_of_file": [error(Label(Span(mine, len(SPEC), len(SPEC)), "here"))],
        "end_of_last_line": [error(Label(Span(silent, 5, 5), "nothing follows"))],
        "beyond_the_line": [error(Label(Span(mine, SPEC.index("\n"), SPEC.index("\n") + 1), "the line's end"))],
        "empty_file": [error(Label(Span(empty, 0, 0), "the file is empty"))],
        "several": [
            error(Label(at(mine, "add", "x: "))),
            Diagnostic("w", "beware", Label(at(other, "fc")), severity="warning"),
        ],
        "crowd": [error(Label(at(mine, "act"))) for _ in range(LIMIT + 7)],
    }


@pytest.mark.parametrize("name", _pictures())
def test_picture(name: str, golden: Callable[[Path, str], None]) -> None:
    golden(PICTURES / f"{name}.txt", render(_pictures()[name], width=100) + "\n")


def test_every_picture_is_in_use() -> None:
    assert {p.stem for p in PICTURES.glob("*.txt")} == {*_pictures(), "colour"}, "a golden without a picture: delete it"


def test_colour(golden: Callable[[Path, str], None]) -> None:
    pictures = _pictures()
    text = render([*pictures["notes"], *pictures["stacked"], *pictures["warning"]], color=True)
    golden(PICTURES / "colour.txt", text.replace("\x1b", "\\e") + "\n")


def test_colour_changes_no_character() -> None:
    for name, found in _pictures().items():
        assert re.sub(r"\x1b\[[0-9;]*m", "", render(found, color=True)) == render(found), name


def test_nothing_to_say() -> None:
    assert render([]) == ""


@pytest.mark.parametrize("name", _pictures())
@pytest.mark.parametrize("width", [40, 100, 100_000])
def test_no_control_character_comes_out(name: str, width: int) -> None:
    for char in set(render(_pictures()[name], width=width)) - {"\n"}:
        assert unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp"), repr(char)


def test_a_long_line_is_cut() -> None:
    for name in ("long_line", "long_span"):
        assert max(map(len, render(_pictures()[name], width=80).split("\n"))) <= 80 + len("... in this call")


def test_a_long_message_is_cut() -> None:
    source = Source("a.yaml", "x")
    text = render(
        [Diagnostic("c", "m" * 10**6, Label(Span(source, 0, 1), "t" * 10**6), notes=("n\n" * 10**5,), help="h" * 10**6)]
    )
    assert len(text) < 20_000


def test_any_span_can_be_drawn() -> None:
    texts = ["", "\n", "a", "a\n", "a\nbc\n\n d", "\t\tx\r\ny\rz", "数\n数", "\ufeffa: b\n", "a\x0cb\u2028c\n"]
    for text in texts:
        source = Source("s", text)
        for start in range(len(text) + 1):
            for end in range(start, len(text) + 1):
                assert "s: 1 error" in render(
                    [error(Label(Span(source, start, end), "t"), Label(Span(source, 0, 0), "u"))]
                )


def test_lines_are_counted_as_editors_do() -> None:
    source = Source("s", "a\x0cb\u2028c\x85\r\nd\re\nf")
    assert source.position(source.text.index("d")) == (2, 1)
    assert source.position(source.text.index("f")) == (4, 1)
    assert Source("s", "ab").position(2) == (1, 3)


def test_text_of_the_exception_is_the_rendering() -> None:
    found = _pictures()["one"]
    assert str(CompileError(found)) == "\n" + render(found)


class Terminal:
    def __init__(self, tty: bool) -> None:
        self.tty = tty

    def isatty(self) -> bool:
        return self.tty


@pytest.mark.parametrize(
    ("tty", "environment", "expected"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
        (False, {"FORCE_COLOR": "1"}, True),
        (False, {"FORCE_COLOR": "0"}, False),
        (True, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_when_to_colour(
    monkeypatch: pytest.MonkeyPatch, tty: bool, environment: dict[str, str], expected: bool
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert use_color(Terminal(tty)) is expected


def test_a_rendering_needs_no_library() -> None:
    libraries = {"pydantic", "rich", "torch", "numpy", "onnx", "jinja2"}
    code = f"import sys, archc.diagnostics.render; print(*{libraries} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""
