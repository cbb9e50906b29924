"""``archc doctor`` on machines that are not this one, and on this one."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from archc.runtime.convolution import convolve, difference, expected
from archc.runtime.devices import DeviceError
from archc.runtime.doctor import examine
from archc.runtime.driver import Driver
from archc.runtime.environment import Environment, Package
from tests.conftest import Golden
from tests.runtime.support import BARE, H100, WORKING

GOLDENS = Path(__file__).parent / "goldens"


def right(device: str) -> None:
    """A convolution whose numbers are right."""


def shown(text: str) -> str:
    """Without what is this machine's: versions of archc and Python, the processor, torch."""
    kept = [line for line in text.splitlines() if not re.match(r"\S+\s+torch\b", line)]
    text = "\n".join(kept) + "\n"
    text = re.sub(r"(archc +).*", r"\1VERSION", text)
    text = re.sub(r"(Python +).*", r"\1VERSION, SYSTEM", text)
    return re.sub(r"right, on .*", "right, on DEVICE", text)


MACHINES = {
    "bare": BARE,
    "working": WORKING,
    "both_wheels": replace(WORKING, wheels={"onnxruntime": "1.31.1", "onnxruntime-gpu": "1.31.1"}),
    "cpu_wheel": replace(
        BARE, wheels={"onnxruntime": "1.31.1"}, package=Package("1.31.1", None, None), libraries=()
    ),
    "old_driver": replace(WORKING, driver=Driver((12, 4), "550.54.15", (H100,))),
    "nothing": replace(BARE, wheels={}, package=None, libraries=()),
}  # fmt: skip


@pytest.mark.parametrize("name", MACHINES)
def test_report(golden: Golden, name: str) -> None:
    report = examine(MACHINES[name], right)
    golden(GOLDENS / f"doctor_{name}.txt", shown(report.text()))
    assert report.works == {"cpu": name not in ("nothing", "both_wheels"), "cuda": name == "working"}


def test_the_cpu_alone() -> None:
    report = examine(BARE, right, "cpu")
    assert report.works == {"cpu": True} and report.remedy == ()
    assert not any("libcu" in check.detail for check in report.checks)


@pytest.mark.parametrize(
    ("wheels", "said"),
    [
        ({"onnxruntime": "1.30.0", "onnxruntime-gpu": "1.31.1"}, "pip install 'onnxruntime-gpu[cuda,cudnn]==1.31.1'"),
        ({"onnxruntime": "1.30.0", "onnxruntime-openvino": "1.24.0"}, "pip install 'onnxruntime==1.30.0'"),
    ],
)
def test_both_wheels_are_wrong_for_the_cpu_too(wheels: dict[str, str], said: str) -> None:
    report = examine(replace(BARE, wheels=wheels), right, "cpu")
    assert report.works == {"cpu": False}
    assert report.remedy == (f"pip uninstall -y {' '.join(wheels)}", said)


def test_wrong_numbers_are_a_problem() -> None:
    report = examine(WORKING, lambda device: "the numbers are wrong" if device == "cuda" else None)
    assert report.works == {"cpu": True, "cuda": False}
    assert ("cuda convolution", "problem", "the numbers are wrong") in [
        (c.name, c.state, c.detail) for c in report.checks
    ]


def test_a_device_that_fails_when_it_is_tried_is_a_problem() -> None:
    def broken(device: str) -> str | None:
        if device == "cuda":
            raise DeviceError("onnxruntime made a session without CUDAExecutionProvider")
        return None

    report = examine(WORKING, broken)
    assert report.works["cuda"] is False and "session without CUDA" in report.text()


def test_json_says_the_same() -> None:
    report = examine(BARE, right)
    data = json.loads(json.dumps(report.json()))
    assert data["works"] == {"cpu": True, "cuda": False} and data["remedy"] == list(report.remedy)
    assert {"name": "driver", "state": "problem", "detail": "libcuda.so.1 is not found"} in data["checks"]


def test_colour_marks_the_state() -> None:
    assert "<31:problem>" in examine(BARE, right).text(lambda text, code: f"<{code}:{text.strip()}>")


def test_the_sum_is_a_convolution() -> None:
    import torch

    rng = np.random.default_rng(1)
    x, w = rng.standard_normal((2, 3, 6, 5)), rng.standard_normal((4, 3, 3, 3))
    theirs = torch.nn.functional.conv2d(torch.from_numpy(x), torch.from_numpy(w), padding=1).numpy()
    np.testing.assert_allclose(expected(x, w), theirs, rtol=1e-12)


def test_a_wrong_number_is_seen() -> None:
    wanted = np.ones((4, 4))
    assert difference(wanted * (1 + 1e-4), wanted) is None
    assert difference(wanted * 1.01, wanted) == "the numbers of a convolution are wrong by 0.01 of the largest"
    assert difference(wanted * np.nan, wanted) is not None


def test_the_cpu_of_this_machine_convolves() -> None:
    assert convolve("cpu") is None


@pytest.mark.gpu
@pytest.mark.usefixtures("cuda")
def test_the_gpu_of_this_machine_convolves() -> None:
    assert convolve("cuda") is None


def test_the_environment_given_is_the_one_reported() -> None:
    here: Environment = replace(WORKING, driver=Driver((13, 1), None, (H100, H100)))
    text = examine(here, right).text()
    assert text.count("NVIDIA H100 80GB HBM3, 80.0 GiB, compute capability 9.0") == 2 and "for CUDA 13.1" in text
