"""``archc check``."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.conftest import TINY, Archc
from tests.conftest import Golden

GOLDENS = Path(__file__).parent / "goldens"


def test_what_holds(archc: Archc, golden: Golden) -> None:
    result = archc("check", "tiny.yaml")
    assert (result.code, result.err) == (0, "")
    golden(GOLDENS / "check_ok.txt", result.out)


def test_what_does_not_hold_is_listed_with_its_place(archc: Archc, folder: Path, golden: Golden) -> None:
    (folder / "specs").mkdir()
    wrong = TINY.replace("params: 1102, shape: [10]", "params: 1103, shape: [11], keys: [fc.weight, fc.scale]")
    (folder / "specs/wrong.yaml").write_text(wrong.replace('"< 4k"', '"< 3k"').replace("[8, 16, 16]", "[8, 16, 17]"))
    (folder / "specs/tiny.yaml").write_text(TINY)
    (folder / "specs/.hidden.yaml").write_text("broken")
    result = archc("check")
    assert (result.code, result.err) == (1, "")
    golden(GOLDENS / "check_failed.txt", result.out)


def test_errors_of_all_files_are_shown(archc: Archc, folder: Path) -> None:
    (folder / "bad.yaml").write_text("name: bad\ninput: [3, 8, 8]\nbody:\n  b: reluu\n")
    (folder / "worse.yaml").write_text("name: [\n")
    result = archc("check", ".")
    assert result.code == 2
    assert "bad.yaml:4:6" in result.err and "worse.yaml:" in result.err
    assert "tiny.yaml" in result.out and "ok" in result.out


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"params: 1102": "prams: 1102"}, ["prams", "did you mean `params`"]),
        ({'"<= 1M"': '"few"'}, ['"< 26M"']),
        ({"at: {stage0:": "at: {stag0:"}, ["stag0", "did you mean `stage0`"]),
        ({"shape: [10]": "shape: {logits: [10]}"}, ["logits"]),
        ({"shape: [10]": "shape: ten"}, ["list"]),
        ({"{shape: [8, 16, 16]}": "{keys: 3}"}, ["keys"]),
    ],
)
def test_figures_that_mean_nothing_are_errors(
    archc: Archc, folder: Path, changes: dict[str, str], said: list[str]
) -> None:
    text = TINY
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "tiny.yaml").write_text(text)
    result = archc("check", "tiny.yaml")
    assert result.code == 2
    assert all(word in result.err for word in said), result.err


def test_the_library_is_as_expected_from_any_folder(archc: Archc) -> None:
    result = archc("check")
    assert (result.code, result.err) == (0, ""), result.out
    assert "resnet.yaml" in result.out


def test_a_report_is_not_written_over_a_spec(archc: Archc, folder: Path) -> None:
    text = (folder / "tiny.yaml").read_text()
    (folder / "link.yaml").symlink_to("tiny.yaml")
    for name in ("tiny.yaml", "link.yaml"):
        result = archc("check", "tiny.yaml", "--output", name)
        assert result.code == 2 and f"{name} is one of the specs" in result.err
        assert (folder / "tiny.yaml").read_text() == text


def test_names_of_files_do_not_act_on_the_terminal(archc: Archc, folder: Path) -> None:
    (folder / "\x1b[31mred\nok.yaml").write_text(TINY.replace("params: 1102", "params: 1103"))
    result = archc("check", ".")
    assert result.code == 1 and "\x1b" not in result.out
    assert "\u241b[31mred ok.yaml  " in result.out


def test_what_a_broken_file_would_hold_is_not_guessed(archc: Archc, folder: Path) -> None:
    (folder / "worse.yaml").write_text("name: [\n")
    (folder / "parts.yaml").write_text("name: parts\nblocks:\n  a: relu\n")
    out = archc("check", ".").out
    assert re.search(r"^worse\.yaml +\? +1 error$", out, re.M) and re.search(r"^parts\.yaml +blocks +ok$", out, re.M)
