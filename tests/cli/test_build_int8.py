"""``archc build --profile cpu-int8``."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from tests.cli.conftest import Archc
from tests.cli.test_build import GOLDENS, TIME, weights
from tests.conftest import Golden

DECIBEL = re.compile(r"\d+\.\d dB")  # one machine rounds other halves than another
INT8 = ("build", "tiny.yaml:small", "--to", "onnx", "--profile", "cpu-int8")


@pytest.fixture
def photos(folder: Path) -> Path:
    """A folder of images, and in tiny.yaml how they become an input."""
    with (folder / "tiny.yaml").open("a") as spec:
        spec.write("preprocess: {mean: 0.5, std: 0.25}\n")
    rng = np.random.default_rng(0)
    for i in range(5):
        path = folder / f"photos/class{i % 2}/{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (20, 24, 3), np.uint8)).save(path)
    return folder / "photos"


def test_calibrated_on_images(archc: Archc, folder: Path, photos: Path, golden: Golden) -> None:
    file = weights(folder / "w.safetensors").name
    result = archc(*INT8, "--weights", file, "--calibrate", f"folder:{photos.name}")
    assert (result.code, result.err) == (0, "")
    golden(GOLDENS / "build_int8.txt", DECIBEL.sub("##.# dB", TIME.sub("in … s", result.out)))
    model = onnx.load(folder / "generated/small.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert {i.data_type for i in model.graph.initializer} >= {onnx.TensorProto.INT8, onnx.TensorProto.INT32}
    assert archc(*INT8, "--weights", file, "--calibrate", f"folder:{photos.name}", "--check").code == 0


def test_broken_images_are_told(archc: Archc, photos: Path) -> None:
    (photos / "broken.png").write_bytes(b"no image")
    result = archc(*INT8, "--calibrate", f"folder:{photos.name}")
    assert result.code == 0
    assert "1 of the images could not be used: photos/broken.png: " in result.out


def test_random_numbers_are_to_try(archc: Archc) -> None:
    result = archc(*INT8, "--calibrate", "random", "--calibrate-limit", "3", "--calibrate-method", "entropy")
    assert result.code == 0
    assert "on 3 samples of random, entropy" in result.out
    assert "calibrated on RANDOM numbers" in result.out


def test_layers_kept_in_fp32(archc: Archc, folder: Path) -> None:
    result = archc(*INT8, "--calibrate", "random", "--keep-fp32", "stage1", "--keep-fp32", "fc")
    assert (result.code, result.err) == (0, "")
    weights = {i.name: i.data_type for i in onnx.load(folder / "generated/small.onnx").graph.initializer}
    fp32 = {name for name, type in weights.items() if type == onnx.TensorProto.FLOAT and name.endswith("weight")}
    assert fp32 == {"stage1.0.conv.weight", "stage1.1.conv.weight", "fc.weight"}


@pytest.mark.parametrize(
    ("args", "messages"),
    [
        ((), ["the profile `cpu-int8` is to be calibrated on images", "--calibrate folder:PATH"]),
        (("--calibrate", "folder:nowhere"), ["--calibrate folder:nowhere: there is no such folder or file"]),
        (("--calibrate-limit", "5"), ["how to calibrate is said, and not on what"]),
        (("--calibrate", "random", "--calibrate-limit", "0"), ["--calibrate-limit"]),
        (("--calibrate", "random", "--calibrate-method", "kl"), ["--calibrate-method", "minmax"]),
        (("--calibrate", "random", "--keep-fp32", "stage2.*"), ["no layer matches `stage2.*`", "did you mean `stage"]),
        (("--calibrate", "folder:."), ["the spec does not say how images become the network's input"]),
    ],
)
def test_what_can_not_be(archc: Archc, folder: Path, args: tuple[str, ...], messages: list[str]) -> None:
    (folder / "generated").mkdir()
    (folder / "generated/small.onnx").write_bytes(b"the old one")
    result = archc(*INT8, *args)
    assert result.code == 2
    assert all(message in result.err for message in messages), result.err
    assert (folder / "generated/small.onnx").read_bytes() == b"the old one"
    assert len(list((folder / "generated").iterdir())) == 1
