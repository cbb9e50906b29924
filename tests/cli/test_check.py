"""``archc check``."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import TINY, Archc
from tests.conftest import Golden

GOLDENS = Path(__file__).parent / "goldens"


def test_what_holds(archc: Archc, golden: Golden) -> None:
    result = archc("check", "tiny.yaml")
    assert (result.code, result.err) == (0, "")
    golden(GOLDENS / "check_ok.txt", result.out)


def test_what_does_not_hold_is_listed_with_its_place(archc: Archc, folder: Path, golden: Golden) -> None:
    (folder / "specs").mkdir()
    wrong = TINY.replace("params: 1058, shape: [10]", "params: 1059, shape: [11], keys: [fc.weight, fc.scale]")
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


def test_figures_that_mean_nothing_are_errors(archc: Archc, folder: Path) -> None:
    changed = TINY.replace("params: 1058", "prams: 1058").replace("stage0:", "stag0:").replace('"<= 1M"', '"few"')
    (folder / "tiny.yaml").write_text(changed)
    result = archc("check", "tiny.yaml")
    assert result.code == 2
    assert all(text in result.err for text in ("prams", "did you mean `params`", "stage0", '"< 26M"')), result.err


def test_the_library_is_as_expected_from_any_folder(archc: Archc) -> None:
    result = archc("check")
    assert (result.code, result.err) == (0, ""), result.out
    assert "resnet.yaml" in result.out
