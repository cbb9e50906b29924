"""Whatever the network and whatever is asked for: a model that holds what it promises, or why there is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import archc
from archc import Network
from archc.backends.onnx import passes
from archc.backends.onnx.export import Export
from archc.backends.onnx.model import Built, build
from archc.backends.onnx.precision.half.tolerance import tolerance
from archc.backends.onnx.precision.int8.report import Int8Report
from archc.backends.onnx.precision.simulate import simulated
from archc.backends.onnx.profiles import PROFILES
from archc.diagnostics.diagnostic import RequestError
from archc.recovery import recover
from tests.passes.nets import Array, run
from tests.passes.random_nets import Nets
from tests.passes.test_random_networks import FP32, of_half, off
from tests.source.checks import module_of, scrambled

PREPROCESS = "preprocess: {resize: 14, mean: 0.5, std: 0.25, interpolation: bicubic}\n"
WHY = (
    "has 4 classes",
    "no layer matches",
    "nothing in the network that 8-bit",
    "nothing is left that",
    "no output is batch × classes",
)
DECIBELS = 1.0  # by which int8's error may be more than its report says: other kernels round other halves

NETWORKS = st.integers(0, 999).map(lambda seed: Nets(seed).write() + PREPROCESS)
ORDERS = st.permutations(passes.names())
PASSES = st.none() | st.builds(lambda order, n, times: order[:n] * times, ORDERS, st.integers(0, 12), st.integers(1, 2))
IO = st.sampled_from([*["fp32"] * 8, "fp16", "bf16", "fp16,fp32", "fp32,bf16"])
TOPK = st.sampled_from([*[None] * 6, 1, 4, 5])
KEEP = st.lists(st.sampled_from(["l1", "l?", "*", "fc", "gone"]), max_size=1)
METHODS = st.sampled_from(["minmax", "entropy", "percentile", "mse"])


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """Arguments of ``Export.of`` that go together, apart from ``calibrate``."""
    name = draw(st.sampled_from(list(PROFILES)))
    asked: dict[str, Any] = {"profile_name": name, "only": draw(PASSES), "io": draw(IO)}
    asked |= {"preprocess": draw(st.integers(0, 3)) == 3, "topk": draw(TOPK)}
    if PROFILES[name].precision != "fp32":
        asked["keep_fp32"] = draw(KEEP)
    if PROFILES[name].precision == "int8":
        asked |= {"calibrate_method": draw(METHODS), "reduce_range": draw(st.booleans())}
    return asked


def compiled(folder: Path, text: str) -> Network:
    (folder / "net.yaml").write_text(text)
    return archc.compile(folder / "net.yaml")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("random")


@settings(deadline=None, max_examples=60)
@given(text=NETWORKS, asked=requests())
def test_a_model_that_holds_what_it_promises(folder: Path, text: str, asked: dict[str, Any]) -> None:
    network = compiled(folder, text)
    module = scrambled(module_of(network.graph)).eval()
    shape = network.graph.inputs["x"].shape.dims
    x = np.random.default_rng(0).standard_normal((3, *shape), np.float32)
    np.save(folder / "x.npy", x)
    if PROFILES[asked["profile_name"]].precision == "int8":
        asked["calibrate"] = folder / "x.npy"
    built = attempt(network, module, asked)
    if isinstance(built, str):
        assert any(why in built for why in WHY)
        return
    proto = built.proto()
    again = attempt(network, module, asked)
    assert isinstance(again, Built) and proto == again.proto()
    well_formed(proto)
    gives_itself_back(folder, proto, network)
    if asked["io"] == "fp32" and not asked["preprocess"] and asked["topk"] is None:
        computes_the_same(built, network.load_weights(module.state_dict()), module, x)


def attempt(network: Network, module: torch.nn.Module, asked: dict[str, Any]) -> Built | str:
    """The model, or why there is none."""
    try:
        return build(network.graph, weights=module.state_dict(), export=Export.of(**asked))
    except RequestError as e:
        return e.message


def well_formed(proto: onnx.ModelProto) -> None:
    onnx.checker.check_model(proto, full_check=True)
    graph = proto.graph
    names = [node.name for node in graph.node]
    assert "" not in names and len(set(names)) == len(names)
    read = {*(tensor for node in graph.node for tensor in node.input), *(output.name for output in graph.output)}
    assert {i.name for i in graph.initializer} <= read
    assert all(read.intersection(node.output) for node in graph.node)
    assert {node.domain for node in graph.node} <= {opset.domain for opset in proto.opset_import} == {""}


def gives_itself_back(folder: Path, proto: onnx.ModelProto, network: Network) -> None:
    path = folder / "net.onnx"
    path.write_bytes(proto.SerializeToString())
    found = recover(path)
    assert found.files()[found.main] == (folder / "net.yaml").read_text()
    assert found.differences() == []
    asked = dict(found.export)
    assert Export.of(asked.pop("profile"), **asked).arguments == found.export
    assert json.loads(found.metadata["preprocess"]) == network.graph.preprocess


def computes_the_same(built: Built, weighted: archc.Weighted, module: torch.nn.Module, x: Array) -> None:
    with torch.inference_mode():
        given: Any = module(torch.from_numpy(x.copy()))
    wanted: dict[str, torch.Tensor] = given if isinstance(given, dict) else {next(iter(built.program.outputs)): given}
    reported = next((one.report for one in built.applied if isinstance(one.report, Int8Report)), None)
    least = {} if reported is None else {one.name: one.sqnr for one in reported.errors.outputs}
    half = tolerance(built.program)
    program = simulated(built.program) if half else built.program
    for optimised in (False, True):
        found = run(program, {"x": x}, optimised=optimised)
        for name, value in wanted.items():
            error = off(found[name], value.numpy())
            allowed = max(FP32, half, 10 ** ((DECIBELS - least[name]) / 20) if name in least else 0)
            assert error <= allowed or (half and error <= of_half(weighted, built, x)), (name, optimised)
