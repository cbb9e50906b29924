"""``archc verify SPEC`` and ``archc.verify`` as they are used: what they say, and the exit codes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import archc as package
from archc.runtime import environment as machine
from archc.runtime.devices import DeviceError
from archc.verification import networks, verify
from archc.verification.networks import with_random_weights
from tests.conftest import Golden
from tests.verification.conftest import Archc
from tests.verification.nets import SPEC, written

GOLDENS = Path(__file__).parent / "goldens"
WITH_PREPROCESS = SPEC + "preprocess: {mean: 0.5, std: 0.25}\n"


@pytest.fixture(autouse=True)
def no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without it."""

    def missing(*_: object) -> None:
        raise DeviceError("CUDA can't be used here", ["driver: libcuda.so.1 is not found"], "install it")

    monkeypatch.setattr(verify, "require_cuda", missing)
    assert machine.require_cuda is not missing


def masked(text: str) -> str:
    """Without measured numbers, and the widths that hang on them."""
    text = re.sub(r"\d\.\de[-+]\d\d", "#.#e-##", text)
    text = re.sub(r"\d+\.\d dB · top-1 \d+%", "##.# dB · top-1 ##%", text)
    text = re.sub(r"-?\d+(\.\d+)?(e-\d+)?( …|, mean|, deviation)", r"#\3", text)
    return re.sub(r" {2,}", "  ", re.sub(r"(deviation|in place of|:) -?\d+\.\d+(e-\d+)?", r"\1 #", text))


def test_all_that_is_made_of_a_spec(archc: Archc, folder: Path, golden: Golden) -> None:
    written(folder, WITH_PREPROCESS)
    np.save(folder / "images.npy", np.random.default_rng(0).standard_normal((3, 3, 20, 20), np.float32))
    found = archc("verify", "small.yaml", "--images", "images.npy")
    assert (found.code, found.err) == (0, "")
    golden(GOLDENS / "agrees.txt", masked(found.out))


@pytest.fixture
def without_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """The source, for which another Python is started, is taken to give what the module does."""
    monkeypatch.setattr(networks, "run_sources", lambda jobs: [[] for _ in jobs])
    torch_rows = networks.Size.torch_rows
    monkeypatch.setattr(networks.Size, "torch_rows", lambda self, _: torch_rows(self, [c.expected for c in self.cases]))


@pytest.mark.usefixtures("without_source")
def test_what_differs_is_told_with_exit_code_1(archc: Archc, golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    from archc.ops import OPS

    rule = OPS["concat"].onnx
    monkeypatch.setattr(OPS["concat"], "onnx", lambda self, e, x, s: rule(self, e, x[::-1], s))
    found = archc("verify", "small.yaml", "--profile", "portable", "--profile", "cuda-fp16", "--batch", "1,2")
    assert (found.code, found.err) == (1, "")
    golden(GOLDENS / "differs.txt", masked(found.out))


@pytest.mark.usefixtures("without_source")
def test_json_has_every_comparison(archc: Archc) -> None:
    found = archc("verify", "small.yaml", "--profile", "cuda-bf16", "--batch", "1,3", "--format", "json", "--seed", "4")
    data = json.loads(found.out)
    assert found.code == 0
    assert data["agrees"] is True
    assert {row["batch"] for row in data["rows"]} == {1, 3}
    kinds = {(row["what"], row["device"], row["input"]) for row in data["rows"]}
    assert {(what, device) for what, device, _ in kinds} == {
        ("layers, one by one", "cpu"), ("source, by itself", "cpu"), ("onnx cuda-bf16", "cpu, simulated")
    }  # fmt: skip
    assert {size for _, _, size in kinds} == {"3 × 20 × 20", "3 × 9 × 11"}
    assert all(row["measured"]["error"] <= row["tolerance"]["limit"] for row in data["rows"])
    assert "seed 4" in data["weights"]
    assert any("CUDA" in note for note in data["not_compared"])


@pytest.mark.usefixtures("without_source")
def test_weights_of_a_file_are_taken(archc: Archc, folder: Path) -> None:
    with_random_weights(package.compile("small.yaml"), 7).save(folder / "w.safetensors")
    found = archc("verify", "small.yaml", "--weights", "w.safetensors", "--profile", "portable", "--format", "json")
    assert found.code == 0
    assert json.loads(found.out)["weights"].startswith("w.safetensors")


@pytest.mark.usefixtures("without_source")
def test_trained_weights_must_keep_the_classes_of_images(folder: Path) -> None:
    """With these, on noise, 8 bits change the class: the floor is of images and of given weights alone."""
    np.save(folder / "images.npy", np.random.default_rng(0).standard_normal((16, 3, 20, 20), np.float32))
    weighted = with_random_weights(package.compile("small.yaml"), 0)
    found = package.verify(weighted, images="images.npy", profiles=["cpu-int8"], batches=[1])
    floors = {(row.samples, row.batch): row.tolerance.top1 for row in found.rows if row.what == "onnx cpu-int8"}
    assert floors == {("random", 1): None, ("random", 16): None, ("images", 1): None, ("images", 16): 0.5}


def test_cuda_that_is_not_there_is_an_error(archc: Archc) -> None:
    found = archc("verify", "small.yaml", "--device", "cuda")
    assert found.code == 3
    assert found.err.startswith("error: CUDA can't be used here\n  driver: libcuda.so.1 is not found\nhelp: install it")


@pytest.mark.usefixtures("without_source")
def test_on_the_cpu_alone_cuda_is_not_missed(folder: Path) -> None:
    found = package.verify("small.yaml", profiles=["cuda-fp16"], batches=[1], device="cpu")
    assert found.agrees and found.notes == ()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--profile", "tensorrt"], "'tensorrt' is not one of"),
        (["--batch", "0"], "is no list of batch sizes"),
        (["--partial"], "--partial speaks of --weights FILE"),
        (["--weights", "none.pth"], "does not exist"),
        (["--images", "none.npy"], "--images none.npy: "),
        (["--images", "folder:."], "does not say how images become the network's input"),
        (["--weights", "other.safetensors"], "other.safetensors"),
        (["--set", "width=0"], "width"),
    ],
)
def test_bad_input(archc: Archc, folder: Path, args: list[str], message: str) -> None:
    other = package.compile("small.yaml", width=4)
    with_random_weights(other, 0).save(folder / "other.safetensors")
    found = archc("verify", "small.yaml", *args)
    assert found.code == 2
    assert message in found.err
    assert found.out == ""


def test_help_says_what_is_compared(archc: Archc) -> None:
    found = archc("verify", "--help")
    assert found.code == 0
    assert "SPEC|MODEL" in found.out and "unoptimised" in found.out
