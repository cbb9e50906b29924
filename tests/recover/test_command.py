"""`archc recover`."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import onnx
import pytest

from archc.version import __version__
from tests.cli.conftest import TINY, Archc
from tests.conftest import Golden

GOLDENS = Path(__file__).parent / "goldens"


@pytest.fixture
def model(archc: Archc, folder: Path) -> str:
    options = ["--set", "width=6", "--set", "act=gelu", "--input", "3x24x24", "--profile", "cpu", "--with-topk", "3"]
    assert archc("build", "tiny.yaml:large", "--to", "onnx", "--passes", "fold-batch-norm", *options).code == 0
    return "generated/large.onnx"


def edit(path: Path, **changes: str) -> None:
    proto = onnx.load(path)
    for entry in proto.metadata_props:
        entry.value = changes.get(entry.key, entry.value)
    onnx.save(proto, path)


def test_the_spec_on_stdout(archc: Archc, model: str, golden: Golden) -> None:
    result = archc("recover", model, "--check")
    assert (result.code, result.out) == (0, TINY)
    golden(GOLDENS / "stdout.txt", result.err.replace(__version__, "VERSION"))


def test_into_a_folder(archc: Archc, model: str, folder: Path, golden: Golden) -> None:
    result = archc("recover", model, "--out", "back", "--check")
    assert (result.code, result.err) == (0, "")
    assert (folder / "back/tiny.yaml").read_text() == TINY
    golden(GOLDENS / "folder.txt", result.out.replace(__version__, "VERSION"))


def test_the_command_that_it_names_builds_the_same(archc: Archc, model: str, folder: Path) -> None:
    said = archc("recover", model, "--out", "back").out
    command = next(line for line in said.splitlines() if line.startswith("archc build"))
    assert archc(*shlex.split(command)[1:], "--out", "again").code == 0
    a, b = (onnx.load(folder / name / "large.onnx").graph for name in ("generated", "again"))
    assert a == b


def test_for_programs(archc: Archc, model: str) -> None:
    data = json.loads(archc("recover", model, "--check", "--format", "json").out)
    assert data["files"] == {"tiny.yaml": TINY}
    assert (data["main"], data["variant"], data["params"]) == ("tiny.yaml", "large", {"width": 6, "act": "gelu"})
    assert data["input"] == {"x": [3, 24, 24]}
    assert data["export"] == {"profile": "cpu", "only": ["fold-batch-norm"], "topk": 3}
    assert data["check"] == {"same": True, "differences": []}


def test_another_spec_than_the_hash_says(archc: Archc, model: str, folder: Path) -> None:
    edit(folder / model, spec_text=TINY.replace("relu", "gelu"))
    result = archc("recover", model, "--out", "back")
    assert (result.code, result.out) == (1, "")
    assert "its spec is not the one it was made of" in result.err
    assert not (folder / "back").exists()


def test_another_network_than_the_spec_s(archc: Archc, model: str, folder: Path) -> None:
    edit(folder / model, structure_sha256="0" * 64)
    assert archc("recover", model).code == 0
    result = archc("recover", model, "--check")
    assert result.code == 1
    assert re.search(r"error: structure: the model says 0{64}, and it is [0-9a-f]{64}", result.err)


def test_a_spec_that_no_longer_compiles(archc: Archc, model: str, folder: Path) -> None:
    record = json.dumps({"main": "spec/tiny.yaml", "variant": "large", "params": {"width": "wide"}})
    edit(folder / model, record=record)
    result = archc("recover", model, "--check")
    assert result.code == 1
    assert "it does not compile with this archc" in result.err and "width" in result.err


@pytest.mark.parametrize("text", [b"", b"no model"])
def test_no_model(archc: Archc, folder: Path, text: bytes) -> None:
    (folder / "m.onnx").write_bytes(text)
    result = archc("recover", "m.onnx")
    assert result.code == 2
    assert result.err.startswith("error: m.onnx is no ONNX model, or is broken")


def test_a_model_of_another_tool(archc: Archc, model: str, folder: Path) -> None:
    proto = onnx.load(folder / model)
    del proto.metadata_props[:]
    onnx.save(proto, folder / "m.onnx")
    result = archc("recover", "m.onnx")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: m.onnx does not say what it was made of\nhelp: ")


def test_what_a_model_says_acts_on_no_terminal(archc: Archc, model: str, folder: Path) -> None:
    edit(folder / model, weights="\x1b[2J\nrandom", spec="\x1b]0;title\x07", archc_version="\x9b31m")
    result = archc("recover", model)
    assert result.code == 0
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", result.err)
