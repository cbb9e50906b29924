"""``archc check --update``: tables kept beside specs, and what becomes of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archc.backends.table import Table
from archc.compiler import SpecFile
from archc.language.files import load
from tests.checking.reading import READERS, Mistake
from tests.checking.test_junit import suites
from tests.checking.test_sarif import run_of
from tests.cli.conftest import TINY, Archc
from tests.conftest import Golden

GOLDENS = Path(__file__).parent / "goldens"


@pytest.fixture
def table(archc: Archc, folder: Path) -> Path:
    """The table beside tiny.yaml."""
    assert archc("check", "tiny.yaml", "--update").code == 0
    return folder / "tiny.table.md"


def test_nothing_is_written_or_compared_unasked(archc: Archc, folder: Path) -> None:
    assert archc("check", "tiny.yaml").code == 0
    assert [p.name for p in folder.iterdir()] == ["tiny.yaml"]


def test_what_is_written(archc: Archc, folder: Path, golden: Golden) -> None:
    result = archc("check", "tiny.yaml", "--update")
    assert (result.code, result.err) == (0, "")
    golden(GOLDENS / "update.txt", result.out)
    golden(GOLDENS / "tiny.table.md", (folder / "tiny.table.md").read_text(encoding="utf-8"))


def test_the_numbers_are_those_of_the_table(table: Path, folder: Path) -> None:
    text = table.read_text(encoding="utf-8")
    for variant in ("small", "large"):
        total = Table(SpecFile(folder / "tiny.yaml", load(folder / "tiny.yaml")).compile(variant).graph).cost.total
        part = text[text.index(f"**{variant}**") :]
        for line in (
            f"- parameters {total.params:,}\n",
            f"- MACs {total.macs:,}\n",
            f"- peak memory of inference {total.peak_activation_bytes:,} bytes\n",
        ):
            assert line in part


def test_what_is_current_is_not_written_again(archc: Archc, table: Path) -> None:
    before = table.stat().st_mtime_ns, table.stat().st_ino
    result = archc("check", "tiny.yaml", "--update")
    assert result.code == 0 and "written" not in result.out
    assert (table.stat().st_mtime_ns, table.stat().st_ino) == before


def test_the_text_is_the_same_wherever_it_is_made(archc: Archc, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = table.parent / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert archc("check", table.with_name("tiny.yaml")).code == 0
    assert archc("check", "../tiny.yaml").code == 0


def test_line_ends_of_a_checkout_do_not_count(archc: Archc, table: Path) -> None:
    table.write_bytes(table.read_bytes().replace(b"\n", b"\r\n"))
    assert archc("check", "tiny.yaml").code == 0


def test_what_does_not_change_the_network_leaves_the_table(archc: Archc, table: Path, folder: Path) -> None:
    text = TINY.replace("name: tiny", "# a comment\nname: tiny\ndescription: A small one").replace(
        "act: relu", "act: gelu"
    )
    (folder / "tiny.yaml").write_text(text)
    assert archc("check", "tiny.yaml").code == 0


@pytest.mark.parametrize("form", READERS)
def test_a_stale_table_is_a_failed_check_at_its_first_line_that_differs(
    archc: Archc, table: Path, folder: Path, form: str
) -> None:
    (folder / "tiny.yaml").write_text(TINY.replace("linear(10)", "linear(11)").partition("expect:")[0])
    result = archc("check", "tiny.yaml", "--format", form)
    assert (result.code, result.err) == (1, "")
    lines = table.read_text(encoding="utf-8").splitlines()
    first = next(i for i, line in enumerate(lines, 1) if "`fc`" in line)
    ((file, line, code),) = READERS[form](result)
    assert (file, code) == ("tiny.table.md", "stale-snapshot") and line in ({0} if form == "text" else {first})
    assert "archc check --update" in result.out
    assert "| linear | 10 | 90 | 80 |" in result.out and "| linear | 11 | 99 | 88 |" in result.out
    if form == "sarif":
        run_of(result.out)
    if form == "junit":
        suites(result.out)
    assert archc("check", "tiny.yaml", "--update").code == 0
    assert archc("check", "tiny.yaml").code == 0


def test_how_a_stale_table_is_shown(archc: Archc, table: Path, folder: Path, golden: Golden) -> None:
    (folder / "tiny.yaml").write_text(TINY.replace("conv(out, 3, padding=1", "conv(out, 5, padding=2"))
    result = archc("check", "tiny.yaml")
    assert result.code == 1
    golden(GOLDENS / "stale.txt", result.out)


def test_a_variant_that_is_gone_makes_the_table_stale(archc: Archc, table: Path, folder: Path) -> None:
    (folder / "tiny.yaml").write_text(TINY.replace("  small:\n", "").partition("expect:")[0])
    result = archc("check", "tiny.yaml")
    assert result.code == 1 and "-**small**" in result.out


@pytest.mark.parametrize("text", ["", "<!-- Written by", "\x00", "é"])
def test_a_damaged_table_is_stale(archc: Archc, table: Path, text: str) -> None:
    table.write_bytes(text.encode("latin-1"))
    for form, read in READERS.items():
        result = archc("check", "tiny.yaml", "--format", form)
        assert result.code == 1 and [(m.file, m.code) for m in read(result)] == [("tiny.table.md", "stale-snapshot")]
    assert archc("check", "tiny.yaml", "--update").code == 0


def test_a_spec_with_mistakes_keeps_its_table_and_others_get_theirs(archc: Archc, table: Path, folder: Path) -> None:
    before = table.read_bytes()
    (folder / "tiny.yaml").write_text(TINY.replace("global_avg_pool", "global_average"))
    (folder / "other.yaml").write_text(TINY)
    (folder / "blocks.yaml").write_text("blocks:\n  b(x): relu\n")
    result = archc("check", ".", "--update")
    assert result.code == 2
    assert table.read_bytes() == before and (folder / "other.table.md").exists()
    assert "other.table.md written" in result.out and "tiny.table.md" not in result.out
    assert not (folder / "blocks.table.md").exists()
    assert not list(folder.glob(".archc-*"))


def test_only_what_is_named_is_updated(archc: Archc, folder: Path) -> None:
    (folder / "other.yaml").write_text(TINY)
    archc("check", "other.yaml", "--update")
    assert [p.name for p in folder.glob("*.md")] == ["other.table.md"]


@pytest.mark.parametrize("form", READERS)
def test_a_table_without_a_spec_is_noticed(archc: Archc, table: Path, folder: Path, form: str) -> None:
    (folder / "tiny.yaml").rename(folder / "renamed.yaml")
    (folder / "notes.table.md").write_text("| a table | of mine |\n")
    result = archc("check", ".", "--format", form)
    assert result.code == 1
    assert "tiny.table.md" in result.out and "notes.table.md" not in result.out
    if form == "sarif":
        assert [r["ruleId"] for r in run_of(result.out)["results"]] == ["orphan-snapshot"]
    if form == "junit":
        assert suites(result.out)["tiny.table.md"].find("testcase/failure") is not None
    table.unlink()
    assert archc("check", ".").code == 0


def test_a_file_that_holds_a_network_no_more_has_no_table(archc: Archc, table: Path, folder: Path) -> None:
    (folder / "tiny.yaml").write_text("blocks:\n  b(x): relu\n")
    result = archc("check", ".")
    assert result.code == 1 and "holds no network; delete it" in result.out


def test_json_says_what_was_written(archc: Archc, folder: Path) -> None:
    data = json.loads(archc("check", "tiny.yaml", "--update", "--format", "json").out)
    assert data["snapshots"] == [
        {"file": "tiny.table.md", "spec": "tiny.yaml", "state": "written", "line": None, "diff": [], "help": None}
    ]


def test_the_library_keeps_no_tables(archc: Archc) -> None:
    for paths in ([], [Path(__file__).parents[2] / "specs/models/lenet.yaml"]):
        result = archc("check", *paths, "--update")
        assert result.code == 2 and "library" in result.err and "archc check --update PATH" in result.err


def test_two_specs_with_one_table_are_refused(archc: Archc, folder: Path) -> None:
    (folder / "tiny.yml").write_text(TINY)
    result = archc("check", ".", "--update")
    assert result.code == 2 and "tiny.table.md" in result.err and not (folder / "tiny.table.md").exists()


def test_a_table_that_cannot_be_written_is_said(archc: Archc, folder: Path) -> None:
    (folder / "tiny.table.md").mkdir()
    result = archc("check", "tiny.yaml", "--update")
    assert result.code == 2 and "tiny.table.md" in result.err


def test_mistakes_are_told_beside_stale_tables(archc: Archc, table: Path, folder: Path) -> None:
    (folder / "tiny.yaml").write_text(TINY.replace("linear(10)", "linear(11)"))
    found = READERS["github"](archc("check", "tiny.yaml", "--format", "github"))
    assert Mistake("tiny.yaml", 21, "unmet-expectation") in found
    assert [m for m in found if m.code == "stale-snapshot"]
