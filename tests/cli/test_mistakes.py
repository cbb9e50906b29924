"""What a user who errs is told: on stderr, with exit code 2, and never by a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from archc.cli.failures import explain
from tests.cli.conftest import Archc

MISTAKES = [
    (["summarise"], ["summarize"]),
    (["summarize"], ["SPEC"]),
    (["summarize", "resnet5O"], ["resnet50"]),
    (["summarize", "nowhere.yaml"], ["nowhere.yaml"]),
    (["summarize", "."], ["."]),
    (["summarize", "tiny.yaml"], ["small", "large"]),
    (["summarize", "tiny.yaml:smal"], ["smal", "small"]),
    (["summarize", "tiny.yaml:small", "--set", "widht=8"], ["widht", "width"]),
    (["summarize", "tiny.yaml:small", "--set", "width"], ["key=value"]),
    (["summarize", "tiny.yaml:small", "--set", "width=wide"], ["width", "number"]),
    (["summarize", "tiny.yaml:small", "--set", "width=8", "--set", "width=9"], ["width", "twice"]),
    (["summarize", "tiny.yaml:small", "--set", "depths=[1, 2"], ["--set depths"]),
    (["summarize", "tiny.yaml:small", "--set", "depths={a: 1}"], ["depths", "mapping"]),
    (["summarize", "tiny.yaml:small", "--set", "width=0"], ["out_channels"]),
    (["summarize", "tiny.yaml:small", "--input", "3x16x"], ["3x96x96"]),
    (["summarize", "tiny.yaml:small", "--input", "image=3x16x16"], ["image", "x"]),
    (["summarize", "tiny.yaml:small", "--input", "3x16x16", "--input", "3x32x32"], ["twice"]),
    (["summarize", "tiny.yaml:small", "--columns", "parms"], ["parms", "params"]),
    (["summarize", "tiny.yaml:small", "--columns", "params", "--format", "json"], ["json"]),
    (["summarize", "tiny.yaml:small", "--format", "jsn"], ["json"]),
    (["summarize", "tiny.yaml:small", "--depth", "0"], ["depth"]),
    (["build", "tiny.yaml"], ["small", "large"]),
    (["build", "tiny.yaml:small", "--to", "onyx"], ["onnx"]),
    (["build", "tiny.yaml:small", "--out", "tiny.yaml"], ["tiny.yaml"]),
    (["build", "tiny.yaml:small", "--to", "onnx", "--weights", "none.safetensors"], ["none.safetensors"]),
    (["build", "tiny.yaml:small", "--weights", "tiny.yaml"], ["--weights"]),
    (["build", "tiny.yaml:small", "--to", "onnx", "--weights", "tiny.yaml"], ["tiny.yaml"]),
    (["build", "tiny.yaml:small", "--to", "onnx", "--external-data-from", "much"], ["much", "64Mi"]),
    (["check", "nowhere"], ["nowhere"]),
    (["expand", "tiny.yaml"], ["small", "large"]),
]


@pytest.mark.parametrize(("args", "said"), MISTAKES, ids=[" ".join(args) for args, _ in MISTAKES])
def test_a_mistake_is_explained(archc: Archc, folder: Path, args: list[str], said: list[str]) -> None:
    result = archc(*args)
    assert result.code == 2
    assert result.out == ""
    assert all(text in result.err for text in said), result.err
    assert "Traceback" not in result.err
    assert {p.name for p in folder.iterdir()} == {"tiny.yaml"}


def test_all_mistakes_of_a_file_are_shown_with_their_places(archc: Archc, folder: Path) -> None:
    (folder / "bad.yaml").write_text(
        "name: bad\ninput: [3, 8, 8]\nbody:\n  a: conv(4, 3, pading=1)\n  b: reluu\n  c <- d: relu\n"
    )
    result = archc("summarize", "bad.yaml")
    assert result.code == 2
    for place in ("bad.yaml:4:17", "bad.yaml:5:6", "bad.yaml:6:8"):
        assert place in result.err
    assert "3 errors" in result.err


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError("Unable to allocate 54.8 GiB"), "error: there is not enough memory: Unable to allocate 54.8 GiB"),
        (MemoryError(), "error: there is not enough memory"),
    ],
)
def test_too_little_memory_is_no_traceback(error: MemoryError, said: str) -> None:
    assert explain(error) == said
