"""`archc build --with-preprocess --with-topk`, and `archc run` on what it writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Archc
from tests.conftest import Golden
from tests.embed.pictures import photographs
from tests.embed.test_models import SPEC

GOLDENS = Path(__file__).parent / "goldens"
VOLATILE = re.compile(r"in \d+\.\d s|\d+(\.\d)? KiB")


@pytest.fixture
def spec(folder: Path) -> str:
    (folder / "net.yaml").write_text(SPEC)
    return "net.yaml"


def test_build_says_what_the_model_takes_and_gives(archc: Archc, spec: str, golden: Golden) -> None:
    result = archc(
        "build", spec, "--to", "onnx", "--with-preprocess", "--with-topk", "-v", "--passes", "fold-batch-norm"
    )
    assert (result.code, result.err) == (0, "")
    golden(GOLDENS / "build.txt", VOLATILE.sub("…", result.out))


def test_run_on_photographs(archc: Archc, spec: str, folder: Path) -> None:
    """The same classes, be preprocessing and the choice in the model or beside it."""
    for name, picture in photographs().items():
        Image.fromarray(picture).save(folder / f"{name}.png")
    said: list[list[str]] = []
    for out, options in (("whole", ["--with-preprocess", "--with-topk=3"]), ("plain", [])):
        assert archc("build", spec, "--to", "onnx", "--out", out, *options).code == 0
        result = archc("run", f"{out}/tiny.onnx", "china.png", "flower.png", "--top", "3")
        assert (result.code, result.err) == (0, "")
        said.append(re.findall(r"^ .*?([a-g])\b", result.out, re.MULTILINE))
    assert len(said[0]) == 6
    assert said[0] == said[1]


UNSAID = SPEC[: SPEC.index("preprocess:")]
VECTOR = "name: tiny\ninput: [6]\nbody:\n  fc: linear(3)\npreprocess: {mean: 0.5}\n"


@pytest.mark.parametrize(
    ("name", "text", "options"),
    [
        ("no_preprocess", UNSAID, ["--with-preprocess"]),
        ("too_many", SPEC, ["--with-topk", "8"]),
        ("no_classes", UNSAID.replace("  flatten: flatten\n  fc: linear(classes)\n", ""), ["--with-topk"]),
        ("no_image", VECTOR, ["--with-preprocess"]),
        ("source", SPEC, ["--to", "source", "--with-preprocess"]),
        ("no_number", SPEC, ["--with-topk=many"]),
    ],
)
def test_what_can_not_be_done(
    archc: Archc,
    spec: str,
    folder: Path,
    golden: Golden,
    name: str,
    text: str,
    options: list[str],
) -> None:
    (folder / spec).write_text(text)
    result = archc("build", spec, "--to", "onnx", *options)
    assert result.code == 2
    assert not (folder / "generated").exists()
    golden(GOLDENS / f"{name}.txt", result.err)
