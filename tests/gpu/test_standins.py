"""What is asked of CUDA, asked of onnxruntime's real provider without a GPU: buffers, graphs, options, peaks, `tune`.

By the stand-ins of ``tests.kernels.standins`` a model runs, and memory is copied; where a kernel would have written,
there are zeros. So this tells that calls are taken, and that numbers go in and out, not that they are right.
"""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from archc.runtime.session import CudaSettings
from tests.kernels import standins

pytestmark = pytest.mark.skipif(standins.needs() is not None, reason=str(standins.needs()))

ROOT = Path(__file__).parents[2]

_PROGRAM = """
import json, sys
from dataclasses import replace
sys.path.insert(0, sys.argv[1])
from archc.runtime import environment
from tests.runtime.support import H100, WORKING
environment.environment = lambda: replace(WORKING, driver=replace(WORKING.driver, gpus=(H100,)))  # there is none
from tests.gpu import asked
print(json.dumps(getattr(asked, sys.argv[2])(*sys.argv[3:])))
"""


def asked(function: str, *arguments: str) -> Any:
    return json.loads(standins.run(_PROGRAM, str(ROOT), function, *arguments).splitlines()[-1])


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_numbers_go_to_the_device_and_back(dtype: str) -> None:
    """By a bound run and by a plain one, of several batches."""
    found = asked("copied", dtype)
    assert found["given"] == found["bound"] == found["run"]


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_runs_are_captured_and_replayed(dtype: str) -> None:
    """Each set of shapes has its own graph; a bound run, which has one, captures at its first call."""
    assert asked("replayed", dtype) == {"run": [[2, 8], [3, 8], [2, 8]], "bound": [2, 8], "captured": 2}


def test_every_option_that_is_tuned_is_taken(tmp_path: Path) -> None:
    found = asked("tuned", str(tmp_path))
    assert [trial for trial in found["tried"] if "problem" in trial] == []
    names = {trial["option"] for trial in found["tried"]}
    assert names == {
        "use_tf32", "cuda_graph", "prefer_nhwc", "fuse_conv_bias", "conv_algo_search", "conv_max_workspace",
    }  # fmt: skip


def test_bench_goes_on_where_a_graph_can_t_be_captured(tmp_path: Path) -> None:
    found = asked("benched", str(tmp_path))
    assert not found["failed"] and found["errors"]["archc"] is None
    assert "CUDA graphs need the shape of output 'y'" in found["errors"]["archc, CUDA graph"]


def test_a_failure_of_cuda_s_is_the_device_s_where_models_are_timed() -> None:
    assert asked("broken") == "CUDA fails as the model runs"


def test_options_have_the_names_and_the_values_of_the_provider() -> None:
    given, taken = asked("options")
    assert len(given) == len(fields(CudaSettings)) - 1  # the device's number, which is 0, is not said
    assert given.items() <= taken.items()


def test_the_peak_of_every_precision_can_be_measured() -> None:
    assert asked("peaks") == ["fp32", "fp16", "bf16", "fp64", "int8"]
