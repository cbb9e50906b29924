"""Whole processes, as a user waits for them."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import pytest
from safetensors.torch import save_file

from tests.benchmarks.measure import Report, interleave, process
from tests.support.vision import import_torchvision

ROOT = Path(__file__).parents[2]


def compare(report: Report, what: str, ours: list[float], theirs: list[float], rival: str, wanted: float) -> None:
    ratio = median(theirs) / median(ours)
    report.add(what, f"{median(ours):.2f} s", f"{median(theirs):.2f} s {rival}", f"{ratio:.1f}×", f"≥ {wanted:.0f}×")
    assert ratio >= wanted


def test_summarize_is_ten_times_faster_than_torchinfo(report: Report) -> None:
    ours, theirs = interleave(
        process("-m", "archc", "summarize", "resnet50", cwd=ROOT),
        process("-m", "tests.benchmarks.rivals.summarize_torchinfo", cwd=ROOT),
        rounds=5,
    )
    compare(report, "summarize resnet50", ours, theirs, "torchinfo", 10)


def test_the_whole_zoo_is_summarised_in_five_seconds(report: Report) -> None:
    ours, theirs = interleave(
        process("-m", "tests.benchmarks.zoo", cwd=ROOT),
        process("-m", "tests.benchmarks.rivals.zoo_torchinfo", cwd=ROOT),
        rounds=3,
    )
    compare(report, "summarize torchvision's 68", ours, theirs, "torchinfo on meta", 4)
    report.add("the same, the slowest of 3", f"{max(ours):.2f} s", wanted="< 5 s")
    assert max(ours) < 5


@pytest.mark.parametrize("name", ["resnet50", "densenet201"])
def test_onnx_is_eight_times_faster_than_torch(report: Report, name: str, tmp_path: Path) -> None:
    weights = tmp_path / f"{name}.safetensors"
    save_file(getattr(import_torchvision().models, name)().state_dict(), weights)
    (tmp_path / "theirs").mkdir()
    ours, theirs = interleave(
        process(
            "-m", "archc", "build", name, "--to", "onnx", "--weights", weights, "--out", tmp_path / "ours", cwd=ROOT
        ),
        process("-m", "tests.benchmarks.rivals.export_torch", name, weights, tmp_path / "theirs/net.onnx", cwd=ROOT),
        rounds=3,
    )
    compare(report, f"build {name} --to onnx", ours, theirs, "torch.onnx.export", 8)
