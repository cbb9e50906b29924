"""``--format github``: commands as the runner reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checking.reading import commands
from tests.cli.conftest import TINY, Archc


def test_a_mistake_is_marked_from_its_first_to_its_last_character(archc: Archc, wrong: Path) -> None:
    (command,) = commands(archc("check", "specs/budget.yaml", "--format", "github").out)
    assert command.name == "error"
    assert command.properties == {
        "file": "specs/budget.yaml", "line": "22", "endLine": "22", "col": "13", "endColumn": "19",
        "title": "archc unmet-expectation",
    }  # fmt: skip
    first, *_ = command.message.splitlines()
    assert first == "specs/budget.yaml:22:13: large: params is 20,042, expected < 20k"


def test_places_over_several_lines_have_no_columns(archc: Archc, folder: Path) -> None:
    (folder / "n.yaml").write_text(
        "name: n\ninput: [3, 8, 8]\nbody:\n  a: conv(4,\n    kernel=3,\n    stride=(1,\n    1, 1))\n"
    )
    found = commands(archc("check", "n.yaml", "--format", "github").out)
    assert found
    for command in found:
        several = command.properties["line"] != command.properties["endLine"]
        assert several != ("col" in command.properties) and several != ("endColumn" in command.properties)


def test_a_spec_can_give_no_command_of_its_own(archc: Archc, folder: Path) -> None:
    text = 'name: n\ninput: [3, 8, 8]\nbody:\n  a: "relu\\n::error::%0A::set-output name=x::y"\n'
    (folder / "n.yaml").write_text(text)
    result = archc("check", "n.yaml", "--format", "github")
    assert [command.name for command in commands(result.out)] == ["error"] * len(result.out.splitlines())


@pytest.mark.parametrize("inside", [True, False])
def test_paths_start_at_the_workspace(
    archc: Archc, folder: Path, monkeypatch: pytest.MonkeyPatch, inside: bool
) -> None:
    models = folder / "checkout/models"
    models.mkdir(parents=True)
    (models / "tiny.yaml").write_text(TINY.replace("params: 1102", "params: 1103"))
    monkeypatch.chdir(models)
    monkeypatch.setenv("GITHUB_WORKSPACE", str(folder / ("checkout" if inside else "elsewhere")))
    (command,) = commands(archc("check", "tiny.yaml", "--format", "github").out)
    assert command.properties["file"] == ("models/tiny.yaml" if inside else "tiny.yaml")


def test_warnings_are_warnings(archc: Archc, folder: Path) -> None:
    text = "name: n\ninput: [3, 8, 8]\nbody:\n  aux <- x: conv(4, 3)\n  relu <- x: relu\n"
    (folder / "n.yaml").write_text(text)
    result = archc("check", "n.yaml", "--format", "github")
    assert result.code == 0 and [c.name for c in commands(result.out)] == ["warning"]
