"""``archc summarize``."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Archc
from tests.conftest import Golden

GOLDENS = Path(__file__).parent / "goldens"


def test_resnet50_of_the_library(archc: Archc, golden: Golden) -> None:
    shown = archc("summarize", "resnet50")
    assert (shown.code, shown.err) == (0, "")
    golden(GOLDENS / "summarize_resnet50.txt", shown.out)


@pytest.mark.parametrize("form", ["table", "markdown", "csv", "json"])
def test_every_format(archc: Archc, golden: Golden, form: str) -> None:
    shown = archc("summarize", "tiny.yaml:small", "--format", form)
    assert (shown.code, shown.err) == (0, "")
    golden(GOLDENS / f"summarize_tiny.{form}", shown.out)


@pytest.mark.parametrize("convention", ["torchinfo", "fvcore", "ptflops"])
def test_operations_as_another_tool_counts_them(archc: Archc, golden: Golden, convention: str) -> None:
    shown = archc("summarize", "tiny.yaml:small", "--convention", convention, "--columns", "layer,op,macs,macs%")
    assert (shown.code, shown.err) == (0, "")
    golden(GOLDENS / f"summarize_tiny_{convention}.txt", shown.out)


def test_flops_are_asked_in_archc_s_own_way(archc: Archc) -> None:
    shown = archc("summarize", "tiny.yaml:small", "--convention", "fvcore", "--columns", "layer,flops")
    assert shown.code == 2
    assert "what fvcore counts is in the column macs" in shown.err


def test_json_says_whose_convention_it_follows(archc: Archc) -> None:
    data = json.loads(archc("summarize", "tiny.yaml:small", "--convention", "fvcore", "--format", "json").out)
    assert (data["convention"], data["total"]["flops"]) == ("fvcore", None)
    assert sum(row["macs"] for row in data["rows"]) == data["total"]["macs"]


def test_json_is_what_programs_were_promised(archc: Archc) -> None:
    data = json.loads(archc("summarize", "tiny.yaml:small", "--format", "json").out)
    assert list(data) == ["name", "variant", "input", "rows", "total"]
    assert (data["name"], data["variant"], data["input"]) == ("tiny", "small", {"x": [3, 16, 16]})
    keys = ["path", "op", "inputs", "output", "params", "macs", "kernel", "stride", "padding", "receptive_field"]
    assert all(list(row) == keys for row in data["rows"])
    assert sum(row["params"] for row in data["rows"]) == data["total"]["params"] == 1102


def test_csv_has_the_chosen_columns(archc: Archc) -> None:
    shown = archc("summarize", "tiny.yaml:small", "--format", "csv", "--columns", "params,macs")
    header, *rows = csv.reader(io.StringIO(shown.out))
    assert header[-2:] == ["params", "macs"]
    assert sum(int(row[-2] or 0) for row in rows) == 1102


@pytest.mark.parametrize(
    ("options", "params"),
    [
        (["--set", "width=8"], 3922),
        (["--set", "depths=[1, 1]"], 510),
        (["--set", "bias=true"], 1122),
        (["--set", "act=leaky_relu"], 1102),
        (["--set", "width=8", "--set", "depths=[1]"], 322),
    ],
)
def test_set_changes_any_parameter(archc: Archc, options: list[str], params: int) -> None:
    shown = archc("summarize", "tiny.yaml:small", "--format", "json", *options)
    assert (shown.code, shown.err) == (0, "")
    assert json.loads(shown.out)["total"]["params"] == params


@pytest.mark.parametrize("size", ["3x32x48", "x=3x32x48"])
def test_input_changes_the_size(archc: Archc, size: str) -> None:
    data = json.loads(archc("summarize", "tiny.yaml:small", "--format", "json", "--input", size).out)
    assert data["input"] == {"x": [3, 32, 48]}
    assert data["rows"][0]["output"] == [4, 32, 48]


def test_depth_opens_modules_and_unfold_shows_equal_neighbours(archc: Archc) -> None:
    deep = archc("summarize", "tiny.yaml:small", "--depth", "3").out
    assert "conv 3×3" in deep
    assert "conv 3×3" not in archc("summarize", "tiny.yaml:small").out
    assert archc("summarize", "tiny.yaml:small", "--depth", "3", "--unfold").out.count("\n") >= deep.count("\n")


def test_no_colour_for_a_pipe_and_none_with_no_color(archc: Archc, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b" not in archc("summarize", "tiny.yaml:small").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" in archc("summarize", "tiny.yaml:small").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in archc("summarize", "tiny.yaml:small").out
