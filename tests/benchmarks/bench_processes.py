"""Whole processes, as a user waits for them."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from tests.benchmarks.measure import Report, interleave, process

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
