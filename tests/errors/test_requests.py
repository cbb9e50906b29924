"""What is said when a caller asks for something that a spec, or the library, does not have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import archc
from archc.diagnostics.diagnostic import RequestError

SPEC = """\
name: mine
input: [3, 8, 8]
params: {width: 8, widths: [1, 2], act: relu, deep: true}
variants:
  small: {width: 4}
  large: {}
body:
  conv1: conv(width, 3)
"""


@pytest.mark.parametrize(
    ("variant", "options", "said"),
    [
        (None, {}, ["2 variants", "`small`", "`large`"]),
        ("smal", {}, ["no variant `smal`", "did you mean `small`?"]),
        ("huge", {}, ["no variant `huge`", "`small`", "`large`"]),
        ("small", {"widht": 3}, ["no parameter `widht`", "did you mean `width`?"]),
        ("small", {"classes": 3}, ["no parameter `classes`", "`widths`"]),
        ("small", {"width": "wide"}, ["`width`", "number"]),
        ("small", {"width": True}, ["`width`", "number"]),
        ("small", {"widths": 3}, ["`widths`", "list"]),
        ("small", {"deep": 1}, ["`deep`", "true or false"]),
        ("small", {"input": {"image": [3, 4, 4]}}, ["no input `image`"]),
        ("small", {"input": [3, 0, 4]}, ["no shape"]),
    ],
)
def test_request(tmp_path: Path, variant: str | None, options: dict[str, Any], said: list[str]) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(SPEC)
    with pytest.raises(RequestError) as caught:
        archc.compile(path, variant=variant, **options)
    for words in said:
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("resnet5O", "did you mean `resnet50`?"),
        ("nothing_like_it", "archc list"),
        ("./missing.yaml", "no file"),
        ("resnet:resnet55", "did you mean `resnet50`?"),
    ],
)
def test_no_such_spec(spec: str, said: str) -> None:
    with pytest.raises(RequestError, match=said.replace("?", r"\?")):
        archc.compile(spec)


def test_a_good_request_is_met(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(SPEC)
    assert archc.compile(f"{path}:small", width=6).graph.state[0].weight.shape == (6, 3, 3, 3)


def test_a_folder_hides_no_network_of_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lenet").mkdir()
    (tmp_path / "mine").mkdir()
    assert archc.compile("lenet").graph.name == "lenet"
    with pytest.raises(archc.CompileError, match="it is a folder"):
        archc.compile("mine")
