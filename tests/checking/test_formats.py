"""``archc check --format``: what all formats have in common."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from archc.checking.formats import names
from archc.version import __version__
from tests.checking.reading import READERS, Mistake
from tests.cli.conftest import TINY, Archc
from tests.conftest import Golden

GOLDENS = Path(__file__).parent / "goldens"

# Every mistake of wrong_specs/, and nothing else.
MISTAKES = [
    Mistake("specs/budget.yaml", 22, "unmet-expectation"),
    Mistake("specs/figures.yaml", 12, "wrong-type"),
    Mistake("specs/figures.yaml", 14, "unknown-path"),
    Mistake("specs/figures.yaml", 16, "unknown-name"),
    Mistake("specs/names.yaml", 6, "unknown-argument"),
    Mistake("specs/names.yaml", 7, "unknown-name"),
    Mistake("specs/names.yaml", 9, "unknown-tensor"),
    Mistake("specs/wiring.yaml", 13, "shape-mismatch"),
]


def test_each_format_has_a_reader() -> None:
    assert set(names()) == set(READERS) and names()[0] == "text"


@pytest.mark.parametrize("form", READERS)
def test_every_mistake_at_its_line_and_nothing_else(archc: Archc, wrong: Path, form: str) -> None:
    result = archc("check", "--format", form)
    assert result.code == 2
    assert sorted(READERS[form](result)) == MISTAKES
    if form != "text":
        assert result.err == ""


@pytest.mark.parametrize("form", READERS)
def test_what_each_format_writes(archc: Archc, wrong: Path, golden: Golden, form: str) -> None:
    result = archc("check", "specs", "--format", form)
    said = result.out + result.err
    golden(GOLDENS / f"wrong_specs.{form}", re.sub(r'time="[^"]*"', 'time="…"', said).replace(__version__, "…"))


@pytest.mark.parametrize("form", READERS)
def test_where_all_is_as_expected(archc: Archc, form: str) -> None:
    result = archc("check", "tiny.yaml", "--format", form)
    assert (result.code, result.err) == (0, "")
    assert READERS[form](result) == []


@pytest.mark.parametrize("form", READERS)
def test_a_blown_budget_alone_is_a_failed_check(archc: Archc, wrong: Path, form: str) -> None:
    assert archc("check", "specs/budget.yaml", "specs/right.yaml", "--format", form).code == 1


@pytest.mark.parametrize("form", READERS)
def test_output_is_what_stdout_would_be(archc: Archc, wrong: Path, form: str) -> None:
    printed = archc("check", "--format", form)
    written = archc("check", "--format", form, "--output", "new/report")
    assert (written.code, written.out, written.err) == (2, "", "")
    text = (wrong / "new/report").read_text(encoding="utf-8")
    if form == "text":
        assert printed.err in text and all(line in text for line in printed.out.splitlines())
    else:
        assert re.sub(r'time="[^"]*"', "", text) == re.sub(r'time="[^"]*"', "", printed.out)


def test_output_stays_as_it_was_where_it_cannot_be_written(archc: Archc, wrong: Path) -> None:
    (wrong / "report").mkdir()
    result = archc("check", "--format", "json", "--output", "report/")
    assert result.code == 2 and "report" in result.err
    (wrong / "kept.json").write_text("kept")
    assert archc("check", "missing.yaml", "--output", "kept.json").code == 2
    assert (wrong / "kept.json").read_text() == "kept"


@pytest.mark.parametrize("form", READERS)
def test_a_mistake_in_a_file_that_several_use_is_told_once(archc: Archc, folder: Path, form: str) -> None:
    """JUnit has it in every suite that it breaks; once for each place all the same."""
    (folder / "specs").mkdir()
    (folder / "specs/unit.yaml").write_text("blocks:\n  unit(width): {conv: 'cnv(width, 3)'}\n")
    for name in "ab":
        text = f"name: {name}\ninput: [3, 8, 8]\nuse:\n  ./unit: [unit]\nbody:\n  one: unit(4)\n"
        (folder / f"specs/{name}.yaml").write_text(text)
    result = archc("check", "specs", "--format", form)
    assert READERS[form](result) == [Mistake("specs/unit.yaml", 2, "unknown-name")]


ODD = ["with space.yaml", "größe, 漢字.yaml", "100%25.yaml", "a:b,c=d%0A::error::.yaml", "[x](y).yaml", "q'\"&<>.yaml"]


@pytest.mark.parametrize("form", READERS)
@pytest.mark.parametrize("name", ODD)
def test_files_with_odd_names(archc: Archc, folder: Path, form: str, name: str) -> None:
    (folder / "odd").mkdir()
    (folder / "odd" / name).write_text(TINY.replace("params: 1102", "params: 1103"), encoding="utf-8")
    result = archc("check", "odd", "--format", form)
    assert result.code == 1
    assert READERS[form](result) == [Mistake(f"odd/{name}", 21, "unmet-expectation")]


IDLE = """\
name: idle
input: [3, 8, 8]
body:
  conv: conv(4, 3)
  aux <- x: conv(4, 3)
  relu <- conv: relu
"""


@pytest.mark.parametrize("form", READERS)
def test_warnings_are_told_and_fail_nothing(archc: Archc, folder: Path, form: str) -> None:
    (folder / "tiny.yaml").write_text(IDLE)
    result = archc("check", "tiny.yaml", "--format", form)
    assert result.code == 0
    if form == "junit":
        assert "warning[unused-weights]" in result.out and "<failure" not in result.out and "<error" not in result.out
    else:
        assert READERS[form](result) == [Mistake("tiny.yaml", 5, "unused-weights")]
