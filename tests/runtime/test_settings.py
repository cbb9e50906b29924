"""Settings: what they take, and the way to JSON and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archc.runtime.settings import CudaSettings, Settings, SettingsError

FLAG = st.none() | st.booleans()
CUDA = st.builds(
    CudaSettings,
    device_id=st.integers(0, 7),
    prefer_nhwc=FLAG, fuse_conv_bias=FLAG, cudnn_conv_use_max_workspace=FLAG, use_tf32=FLAG, enable_cuda_graph=FLAG,
    cudnn_conv_algo_search=st.none() | st.sampled_from(["EXHAUSTIVE", "HEURISTIC", "DEFAULT"]),
    gpu_mem_limit=st.none() | st.integers(0, 2**40),
)  # fmt: skip
SETTINGS = st.builds(
    Settings,
    intra_op_threads=st.none() | st.integers(0, 64),
    graph_optimization=st.sampled_from(["disabled", "basic", "extended", "layout", "all"]),
    execution=st.sampled_from(["sequential", "parallel"]),
    cpu_mem_arena=st.booleans(),
    cuda=CUDA,
    config=st.dictionaries(st.text(min_size=1), st.text()),
)


@given(SETTINGS)
def test_json_and_back(settings: Settings) -> None:
    assert Settings.from_json(json.loads(json.dumps(settings.to_json()))) == settings


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "settings is no mapping"),
        ({"threads": 2}, "settings has no 'threads'; it has intra_op_threads, "),
        ({"intra_op_threads": "2"}, "intra_op_threads can't be '2'; it is a number from 0 on"),
        ({"intra_op_threads": True}, "intra_op_threads can't be True"),
        ({"intra_op_threads": -1}, "intra_op_threads can't be -1"),
        ({"intra_op_threads": 99999999999}, "there can't be more than 1024 threads"),
        ({"cpu_mem_arena": 1}, "cpu_mem_arena can't be 1; it is true or false"),
        ({"cpu_mem_arena": None}, "cpu_mem_arena can't be None"),
        ({"graph_optimization": "most"}, "graph_optimization can't be 'most'; it is disabled, basic, "),
        ({"graph_optimization": ["all"]}, "graph_optimization can't be"),
        ({"cuda": None}, "settings.cuda is no mapping"),
        ({"cuda": {"nhwc": True}}, "settings.cuda has no 'nhwc'"),
        ({"cuda": {"use_tf32": "yes"}}, "use_tf32 can't be 'yes'; it is true or false"),
        ({"config": {"session.x": 1}}, "config can't be {'session.x': 1}; it is text → text"),
        ({"config": []}, "config can't be"),
    ],
)  # fmt: skip
def test_what_is_no_setting_is_refused(data: Any, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_json(data)
    assert str(caught.value).startswith(said)


def test_cuda_s_options_are_those_that_are_set() -> None:
    assert CudaSettings().options() == {} and CudaSettings(device_id=1).options() == {"device_id": "1"}
    given = CudaSettings(prefer_nhwc=True, use_tf32=False, cudnn_conv_algo_search="HEURISTIC", gpu_mem_limit=1 << 30)
    assert given.options() == {
        "prefer_nhwc": "1", "use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC",
        "gpu_mem_limit": "1073741824",
    }  # fmt: skip
