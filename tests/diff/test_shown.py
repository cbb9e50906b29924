"""What people and programs read, and the command itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import archc
from archc.backends.difference import FORMATS
from archc.cli import run
from tests.conftest import Golden

GOLDENS = Path(__file__).parent / "goldens"

EDITED = """\
name: edited
input: [3, 32, 32]
params: {width: 16, act: relu, drop: 0.2, stage: stage}
variants: {before: null, wider: {width: 24}, smooth: {act: silu}, plain: {drop: 0}, renamed: {stage: layer}}
blocks:
  unit(out, stride=1):
    conv1: conv(out, 3, stride=stride, padding=1, bias=False)
    bn1: batch_norm
    act1: act
    conv2: conv(out, 3, padding=1, bias=False)
    bn2: batch_norm
    shortcut <- x:
      if stride != 1 or x.channels != out: conv(out, 1, stride=stride)
    sum <- bn2, shortcut: add
    act2: act
stem:
  conv: conv(16, 3, padding=1, bias=False)
  bn: batch_norm
body:
  for i in range(2):
    ${stage}${i + 1}:
      for j in range(3): unit(width if i else 16, stride=2 if i and j == 0 else 1)
head:
  pool: global_avg_pool
  flatten: flatten
  if drop: {drop: dropout(drop)}
  fc: linear(10)
"""

EDITS = {
    "deeper": ("resnet18", "resnet34"),
    "vgg_with_batch_norm": ("vgg11", "vgg11_bn"),
    "other_family": ("googlenet", "squeezenet1_1"),
    "wider": ("edited.yaml:before", "edited.yaml:wider"),
    "smooth": ("edited.yaml:before", "edited.yaml:smooth"),
    "without_dropout": ("edited.yaml:before", "edited.yaml:plain"),
    "renamed": ("edited.yaml:before", "edited.yaml:renamed"),
    "same": ("edited.yaml:before", "edited.yaml:before"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "edited.yaml").write_text(EDITED)
    return tmp_path


@pytest.mark.parametrize("form", ["text", "markdown"])
@pytest.mark.parametrize("edit", EDITS)
def test_realistic_edits(edit: str, form: str, folder: Path, golden: Golden) -> None:
    a, b = EDITS[edit]
    golden(GOLDENS / f"{edit}.{form}", archc.diff(a, b).render(form))


@pytest.mark.parametrize("edit", ["smooth", "without_dropout", "renamed", "same"])
def test_for_programs(edit: str, folder: Path, golden: Golden) -> None:
    shown = archc.diff(*EDITS[edit])
    golden(GOLDENS / f"{edit}.json", shown.json())
    assert json.loads(shown.json()) == shown.data()


@pytest.mark.parametrize("form", FORMATS)
def test_another_number_of_classes(form: str, golden: Golden) -> None:
    ours = archc.compile("resnet50")
    golden(GOLDENS / f"ten_classes.{form}", ours.diff(archc.compile("resnet50", num_classes=10)).render(form))


def test_unfolded(folder: Path, golden: Golden) -> None:
    golden(GOLDENS / "wider_unfolded.text", archc.diff("edited.yaml:before", "edited.yaml:wider").text(unfold=True))


@pytest.mark.parametrize("form", FORMATS)
def test_files_with_several_variants(form: str, folder: Path, golden: Golden) -> None:
    other = EDITED.replace("plain: {drop: 0}", "new: {drop: 0.5}").replace(
        "conv(16, 3, padding=1", "conv(16, 5, padding=2"
    )
    (folder / "other.yaml").write_text(other.replace("for j in range(3)", "for j in range(3 if act == 'relu' else 2)"))
    golden(GOLDENS / f"variants.{form}", archc.diff("edited.yaml", "other.yaml").render(form))


def test_the_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", "edited.yaml:before", "edited.yaml:wider"]) == 0
    assert capsys.readouterr().out == archc.diff("edited.yaml:before", "edited.yaml:wider").text()
    assert run(["diff", "edited.yaml:before", "edited.yaml:wider", "--exit-code"]) == 1
    assert run(["diff", "edited.yaml:before", "edited.yaml:before", "--exit-code"]) == 0
    capsys.readouterr()
    assert run(["diff", "edited.yaml:before", "edited.yaml:wider", "--format", "json", "--set", "drop=0"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["compared"][0]["totals"]["layers"] == {"a": 48, "b": 48, "difference": 0}


def test_colour_where_it_is_wanted(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    run(["diff", "edited.yaml:before", "edited.yaml:plain"])
    shown = capsys.readouterr().out
    assert "\x1b[31m − drop" in shown
    monkeypatch.setenv("FORCE_COLOR", "")
    monkeypatch.setenv("NO_COLOR", "1")
    run(["diff", "edited.yaml:before", "edited.yaml:plain"])
    assert "\x1b" not in capsys.readouterr().out


MISTAKES = [
    (["diff"], ["'A'"]),
    (["diff", "edited.yaml:before", "nowhere.yaml"], ["nowhere.yaml"]),
    (["diff", "edited.yaml:befor", "edited.yaml:before"], ["befor", "did you mean `before`?"]),
    (["diff", "edited.yaml", "resnet18"], ["5 variants", "edited.yaml:before"]),
    (["diff", "edited.yaml:before", "edited.yaml:wider", "--rev", "HEAD"], ["too many"]),
    (["diff", "edited.yaml:before", "edited.yaml:wider", "--set", "widht=3"], ["widht", "width"]),
    (["diff", "edited.yaml:before", "edited.yaml:wider", "--format", "xml"], ["markdown"]),
    (["diff", "blocks.yaml", "edited.yaml"], ["blocks.yaml", "no network"]),
    (["diff", "edited.yaml:before", "blocks.yaml"], ["blocks.yaml", "no network"]),
]


@pytest.mark.parametrize(("args", "said"), MISTAKES, ids=[" ".join(args) for args, _ in MISTAKES])
def test_mistakes(folder: Path, capsys: pytest.CaptureFixture[str], args: list[str], said: list[str]) -> None:
    (folder / "blocks.yaml").write_text("name: blocks\nblocks:\n  unit(width): conv(width, 3)\n")
    assert run(args) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and all(words in printed.err for words in said), printed.err


def test_what_a_spec_says_is_shown_and_never_obeyed(folder: Path) -> None:
    (folder / "evil.yaml").write_text(
        'name: evil\ndescription: "\\e[31mred <b>|`x`"\ninput: [3, 8, 8]\nbody:\n  a: conv(4, 1)\n'
    )
    difference = archc.diff("evil.yaml", "edited.yaml:before")
    assert "\x1b" not in difference.text() and "<b>" not in difference.markdown()


def test_the_api_refuses_what_it_can_not_do() -> None:
    net = archc.compile("lenet")
    with pytest.raises(archc.RequestError, match="second one"):
        archc.diff(net)
    with pytest.raises(archc.RequestError, match="too late"):
        archc.diff(net, net, num_classes=3)
    with pytest.raises(ValueError, match="no format"):
        net.diff(net).render("xml")
    assert archc.diff(net, "lenet").same
