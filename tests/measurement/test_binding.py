"""Inputs of a model, its buffers on the device, what a run takes of memory, and whether two runs agree."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from archc.measurement.agreement import TOLERANCE, agreement
from archc.measurement.binding import Bound
from archc.measurement.inputs import input_shapes, random_inputs
from archc.measurement.memory import DeviceMemory, memory_of_run
from archc.runtime.environment import environment
from archc.runtime.errors import ModelError
from archc.runtime.ort import TensorInfo
from archc.runtime.session import CudaSettings, Settings, open_session
from tests.measurement.models import conv_relu, model, saved

IMAGE = {"x": TensorInfo(("N", 3, 32, 32), "float32")}
ANY_SIZE = {"image": TensorInfo(("N", "H", "W", 3), "uint8")}
no_cuda = pytest.mark.skipif(bool(environment().missing()), reason="no CUDA device")


def test_the_batch_is_put_in_front() -> None:
    assert input_shapes(IMAGE, 4) == {"x": (4, 3, 32, 32)}
    assert input_shapes(IMAGE, 4, {None: [3, 32, 32]}) == {"x": (4, 3, 32, 32)}


def test_free_sizes_are_asked_for_and_filled_in() -> None:
    with pytest.raises(ModelError, match="its sizes are free") as caught:
        input_shapes(ANY_SIZE, 1)
    assert "--input" in (caught.value.hint or "")
    assert input_shapes(ANY_SIZE, 2, {"image": [60, 80, 3]}) == {"image": (2, 60, 80, 3)}


@pytest.mark.parametrize(
    ("batch", "sizes", "message"),
    [
        (1, {None: [3, 31, 32]}, r"is \[N, 3, 32, 32\], and can't be \[3, 31, 32\]"),
        (1, {None: [3, 32]}, r"can't be \[3, 32\]"),
        (1, {"y": [3, 32, 32]}, "no input `y`"),
    ],
)
def test_sizes_that_the_model_does_not_take(batch: int, sizes: dict[str | None, list[int]], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        input_shapes(IMAGE, batch, sizes)


def test_a_fixed_batch_can_not_be_another() -> None:
    with pytest.raises(ModelError, match="batches of 8, not of 1") as caught:
        input_shapes({"x": TensorInfo((8, 3, 4, 4), "float32")}, 1)
    assert caught.value.hint == "--batch 8"


def test_several_inputs_are_named() -> None:
    with pytest.raises(ModelError, match=r"2 inputs; name them: --input image=224x224x3$"):
        input_shapes({**IMAGE, **ANY_SIZE}, 1, {None: [3, 32, 32]})


def test_random_inputs_have_the_models_types() -> None:
    inputs = {name: TensorInfo((2, 50), name) for name in ("float32", "float16", "uint8", "int64", "bool", "bfloat16")}
    found = random_inputs(inputs, dict.fromkeys(inputs, (2, 50)))
    assert {name: array.dtype.name for name, array in found.items()} == {
        **{name: name for name in inputs}, "bfloat16": "float32",
    }  # fmt: skip
    assert found["uint8"].max() > 128 > 1 == found["int64"].max()
    assert np.array_equal(found["float32"], random_inputs(inputs, dict.fromkeys(inputs, (2, 50)))["float32"])


@pytest.mark.parametrize("batch", [1, 3])
def test_a_bound_run_computes_what_a_plain_one_does(batch: int) -> None:
    session = open_session(conv_relu().SerializeToString())
    inputs = random_inputs(session.inputs, input_shapes(session.inputs, batch))
    run = Bound(session, inputs)
    run()
    run()
    assert np.array_equal(run.outputs()["y"], session.run(inputs)["y"])
    kept = run.outputs()["y"]
    run()
    assert kept is not run.outputs()["y"]


def test_outputs_of_unknown_shape_are_bound_all_the_same() -> None:
    nodes = [helper.make_node("NonZero", ["x"], ["n"]), helper.make_node("Cast", ["n"], ["y"], to=TensorProto.FLOAT)]
    session = open_session(model(nodes, {"x": [2, 3]}).SerializeToString())
    run = Bound(session, {"x": np.array([[0, 1, 0], [1, 0, 1]], np.float32)})
    run()
    assert run.outputs()["y"].tolist() == [[0, 1, 1], [1, 0, 2]]


def test_bfloat16_goes_in_and_comes_out_as_float32() -> None:
    proto = model([helper.make_node("Identity", ["x"], ["y"])], {"x": ["N", 2]}, kind=TensorProto.BFLOAT16)
    proto.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", TensorProto.BFLOAT16, ["N", 2]))
    session = open_session(proto.SerializeToString())
    run = Bound(session, {"x": np.array([[1.5, -0.25]], np.float32)})
    run()
    assert run.outputs()["y"].tolist() == [[1.5, -0.25]]


def test_a_cuda_graph_needs_to_know_its_outputs() -> None:
    nodes = [helper.make_node("NonZero", ["x"], ["n"]), helper.make_node("Cast", ["n"], ["y"], to=TensorProto.FLOAT)]
    settings = Settings(cuda=CudaSettings(enable_cuda_graph=True))
    session = open_session(model(nodes, {"x": [2, 3]}).SerializeToString(), settings=settings)
    with pytest.raises(ModelError, match="shape of output 'y'"):
        Bound(session, {"x": np.ones((2, 3), np.float32)})


@pytest.mark.gpu
@no_cuda
@pytest.mark.parametrize("graph", [False, True])
def test_a_run_bound_on_cuda_computes_what_the_cpu_does(graph: bool) -> None:
    data = conv_relu().SerializeToString()
    on_cpu = open_session(data)
    inputs = random_inputs(on_cpu.inputs, input_shapes(on_cpu.inputs, 2))
    cuda = CudaSettings(enable_cuda_graph=graph, use_tf32=False)
    run = Bound(open_session(data, device="cuda", settings=Settings(cuda=cuda)), inputs)
    for _ in range(3):
        run()
    assert agreement(run.outputs(), on_cpu.run(inputs), 1e-4).holds


@pytest.mark.gpu
@no_cuda
def test_memory_of_a_run_on_cuda(tmp_path: Path) -> None:
    path = saved(_large(), tmp_path / "large.onnx")
    found = memory_of_run(path, {"x": (1, 2048)}, "cuda")
    assert found is not None and found >= 16 * 2**20


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells")
def test_memory_of_a_run_has_the_weights_in_it(tmp_path: Path) -> None:
    path = saved(_large(), tmp_path / "large.onnx")
    found = memory_of_run(path, {"x": (1, 2048)}, settings=Settings(intra_op_threads=1))
    assert found is not None and 16 * 2**20 <= found < 300 * 2**20


def test_a_run_that_fails_has_no_memory(tmp_path: Path) -> None:
    assert memory_of_run(saved(conv_relu(), tmp_path / "m.onnx"), {"x": (1, 4, 5, 5)}) is None


def test_memory_of_a_device_is_what_it_has_less() -> None:
    free = iter([1000, 400])

    def info(there: Any, total: Any) -> int:
        there._obj.value = next(free)
        return 0

    ok = lambda *_: 0  # noqa: E731
    driver: Any = SimpleNamespace(
        cuInit=ok, cuDevicePrimaryCtxRetain=ok, cuCtxSetCurrent=ok, cuMemGetInfo_v2=info
    )  # fmt: skip
    assert DeviceMemory(0, driver).growth() == 600
    driver.cuInit = lambda _: 100
    with pytest.raises(OSError, match="cuInit failed with CUDA error 100"):
        DeviceMemory(0, driver)


def test_agreement_is_measured_by_the_largest_number() -> None:
    wanted = {"y": np.array([10.0, -100.0])}
    assert agreement({"y": np.array([10.5, -100.0])}, wanted, 1e-2).error == pytest.approx(0.005)
    assert agreement(wanted, wanted, 0.0).holds
    assert not agreement({"y": np.array([12.0, -100.0])}, wanted, 1e-2).holds


@pytest.mark.parametrize(
    "found",
    [{"z": np.ones(2)}, {"y": np.ones(3)}, {"y": np.array([1.0, np.nan])}, {}, {"y": np.array([1.0, np.inf])}],
)
def test_other_outputs_never_agree(found: dict[str, Any]) -> None:
    seen = agreement(found, {"y": np.ones(2)}, TOLERANCE["int8"])
    assert not seen.holds
    assert "not finite" in str(seen)


def test_zeros_agree_with_zeros_alone() -> None:
    zeros = {"y": np.zeros(3)}
    assert agreement(zeros, zeros, 1e-3).holds
    assert not agreement({"y": np.full(3, 1e-9)}, zeros, 1e-3).holds


def _large() -> Any:
    """16 MiB of weights."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"], name="fc")]
    return model(nodes, {"x": [1, 2048]}, weights={"w": np.ones((2048, 2048), np.float32)}, output_shape=[1, 2048])
