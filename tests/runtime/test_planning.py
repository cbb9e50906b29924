"""Where onnxruntime's real CUDA provider would have nodes run, and what is made of that; without a GPU.

By the stand-ins of ``tests.kernels.standins`` the provider loads and plans here, and computes nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

from tests.kernels import standins
from tests.runtime.support import FLOAT, channel_means, model, written
from tests.runtime.test_session import sized

pytestmark = pytest.mark.skipif(standins.needs() is not None, reason=str(standins.needs()))

ROOT = Path(__file__).parents[2]
CUDA = "CUDAExecutionProvider"

_PROGRAM = """
import json, pathlib, sys
from dataclasses import replace
sys.path.insert(0, sys.argv[1])
from archc.runtime import environment
from archc.runtime.devices import DeviceError
from archc.runtime.session import CudaSettings, Settings, open_session
from tests.runtime.support import H100, WORKING
environment.environment = lambda: replace(WORKING, driver=replace(WORKING.driver, gpus=(H100, H100)))  # they are none
try:
    settings = Settings(cuda=CudaSettings(**json.loads(sys.argv[3])))
    session = open_session(pathlib.Path(sys.argv[2]), device="cuda", settings=settings)
    said = {"placement": session.placement(), "on_cpu": [node.name for node in session.on_cpu]}
except DeviceError as e:
    said = {"message": e.message, "problems": e.problems}
print(json.dumps(said))
"""


def planned(path: Path, **options: object) -> dict[str, Any]:
    return json.loads(standins.run(_PROGRAM, str(ROOT), str(path), json.dumps(options)).splitlines()[-1])


def test_a_network_is_all_on_cuda(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], name="relu"),
        helper.make_node("GlobalAveragePool", ["b"], ["y"], name="pool"),
    ]
    shape, weights = ["N", 3, 8, 8], {"w": np.ones((4, 3, 3, 3), np.float32)}
    path = written(tmp_path, model(nodes, {"x": (FLOAT, shape)}, {"y": (FLOAT, ["N", 4, 1, 1])}, weights))
    for options in ({}, {"prefer_nhwc": True, "use_tf32": False, "cudnn_conv_algo_search": "HEURISTIC"}):
        said = planned(path, **options)
        assert set(said["placement"].values()) == {CUDA} and said["on_cpu"] == []


def test_sizes_are_worked_out_on_the_cpu_by_design(tmp_path: Path) -> None:
    """`session.disable_cpu_ep_fallback` alone would refuse this model, which runs on CUDA as well as it can."""
    said = planned(written(tmp_path, sized()))
    assert set(said["on_cpu"]) and set(said["on_cpu"]) <= {"height", "sizes"}
    assert said["placement"]["relu"] == said["placement"]["reshape"] == CUDA


def test_an_op_without_a_kernel_is_named_and_nothing_runs_on_the_cpu(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], name="relu"),
        helper.make_node("Det", ["a"], ["y"], name="determinant"),
    ]
    path = written(tmp_path, model(nodes, {"x": (FLOAT, ["N", 2, 2])}, {"y": (FLOAT, ["N"])}))
    said = planned(path)
    assert said["message"] == f"1 of 2 nodes would not run on {CUDA}"
    (problem,) = said["problems"]
    assert problem.startswith("Det: ") and problem.endswith("determinant")


def test_a_classifier(tmp_path: Path) -> None:
    assert set(planned(written(tmp_path, channel_means()))["placement"].values()) == {CUDA}


def test_a_failure_of_cuda_s_is_of_the_device(tmp_path: Path) -> None:
    """To the stand-ins there is no second GPU."""
    said = planned(written(tmp_path, channel_means()), device_id=1)
    assert said["message"] == "CUDA fails" and "Invalid device ID: 1" in said["problems"][0]
