"""Sessions on the CPU: what they say of themselves, what they refuse, and where their nodes run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx import helper

import archc
from archc.runtime import ort
from archc.runtime.binding import Replays
from archc.runtime.devices import DeviceError
from archc.runtime.errors import ModelError
from archc.runtime.ort import LeftToCpuError, Placed, TensorInfo, make_session
from archc.runtime.placement import check_placement, size_nodes
from archc.runtime.session import Settings, open_session
from archc.runtime.tensors import from_bfloat16, to_bfloat16
from tests.runtime.support import BARE, BFLOAT16, FLOAT, HALF, INT64, channel_means, model, written

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


def test_what_a_session_says_of_itself() -> None:
    session = open_session(channel_means(metadata={"spec": "means"}))
    assert session.inputs == {"x": TensorInfo(("N", 3, 8, 8), "float32")}
    assert session.outputs == {"logits": TensorInfo(("N", 3), "float32")}
    assert (session.metadata, session.device, session.placement()) == ({"spec": "means"}, "cpu", {"mean": CPU})


def test_it_runs() -> None:
    x = np.random.default_rng(0).random((5, 3, 8, 8), np.float32)
    np.testing.assert_allclose(open_session(channel_means()).run({"x": x})["logits"], x.mean((2, 3)), rtol=1e-6)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "the model's input `x` is not given"),
        ({"x": np.zeros((1, 3, 8, 8), np.float32), "y": 0}, "the model has no input `y`"),
        ({"x": np.zeros((1, 3, 8, 8))}, "input `x` takes float32, and is given float64"),
        ({"x": np.zeros((1, 3, 8, 9), np.float32)}, r"input `x` is \[N, 3, 8, 8\], and is given \[1, 3, 8, 9\]"),
        ({"x": np.zeros((3, 8, 8), np.float32)}, r"input `x` is \[N, 3, 8, 8\], and is given \[3, 8, 8\]"),
    ],
)
def test_what_the_model_does_not_take_is_said_plainly(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        open_session(channel_means()).run(given)


def test_one_name_is_one_size() -> None:
    nodes = [helper.make_node("Add", ["a", "b"], ["y"])]
    side = {"a": (FLOAT, ["N", 2]), "b": (FLOAT, ["N", 2])}
    session = open_session(model(nodes, side, {"y": (FLOAT, ["N", 2])}))
    with pytest.raises(ModelError, match="size N is 3 in `a` and 4 in `b`"):
        session.run({"a": np.zeros((3, 2), np.float32), "b": np.zeros((4, 2), np.float32)})


def test_an_error_as_it_runs_is_onnxruntime_s_without_its_codes() -> None:
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["y"], name="reshape")]
    data = model(nodes, {"x": (FLOAT, ["N"])}, {"y": (FLOAT, [None, None])}, {"shape": np.array([-1, 7], np.int64)})
    with pytest.raises(ModelError, match=r"fails as it runs: .*Reshape") as caught:
        open_session(data).run({"x": np.zeros(8, np.float32)})
    assert "ONNXRuntimeError" not in str(caught.value) and "\n" not in str(caught.value)


def test_half_precision() -> None:
    x = np.ones((1, 3, 8, 8), np.float16)
    assert open_session(channel_means(kind=HALF)).run({"x": x})["logits"].dtype == np.float16


def test_bfloat16_is_given_and_taken_as_float32() -> None:
    nodes = [
        helper.make_node("Cast", ["x"], ["wide"], to=FLOAT),
        helper.make_node("Relu", ["wide"], ["positive"]),
        helper.make_node("Cast", ["positive"], ["y"], to=BFLOAT16),
    ]
    session = open_session(model(nodes, {"x": (BFLOAT16, ["N", 3])}, {"y": (BFLOAT16, ["N", 3])}))
    assert session.inputs["x"].dtype == "bfloat16"
    got = session.run({"x": np.array([[1.0, -2.0, 3.14159]], np.float32)})["y"]
    assert got.dtype == np.float32 and got.tolist() == [[1.0, 0.0, 3.140625]]
    assert session.run({"x": np.zeros((0, 3), np.float32)})["y"].shape == (0, 3)


@given(hnp.arrays(np.float32, st.integers(0, 20), elements=st.floats(width=32)))
def test_bfloat16_is_rounded_as_torch_rounds_it(array: np.ndarray) -> None:
    theirs = torch.from_numpy(array).to(torch.bfloat16).float().numpy()
    np.testing.assert_array_equal(from_bfloat16(to_bfloat16(array)), theirs)


def test_files_that_are_no_models(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no such file"):
        open_session(tmp_path / "net.onnx")
    with pytest.raises(ModelError, match="is no file"):
        open_session(tmp_path)
    with pytest.raises(ModelError, match="no ONNX model, or a broken one"):
        open_session(written(tmp_path, b"hello"))
    with pytest.raises(ModelError, match="no ONNX model, or a broken one"):
        open_session(written(tmp_path, channel_means()[:-9]))


def test_a_model_for_another_device_says_which_node_has_no_kernel_here() -> None:
    data = model([helper.make_node("Tanh", ["x"], ["y"], name="wave")], *[{n: (BFLOAT16, ["N"])} for n in "xy"])
    with pytest.raises(ModelError, match=r"no kernel here for Tanh of opset \d+ with the types of node `wave`"):
        open_session(data)


def external(folder: Path, location: str) -> Path:
    """A model whose one weight, of 12 bytes, lies in another file."""
    data = model(
        [helper.make_node("Add", ["x", "w"], ["y"])], {"x": (FLOAT, ["N", 3])}, {"y": (FLOAT, ["N", 3])},
        {"w": np.ones(3, np.float32)},
    )  # fmt: skip
    proto = onnx.load_model_from_string(data)
    (weight,) = proto.graph.initializer
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "12")):
        weight.external_data.add(key=key, value=value)
    return written(folder, proto.SerializeToString())


def test_weights_in_another_file(tmp_path: Path) -> None:
    path = external(tmp_path, "w.data")
    with pytest.raises(ModelError, match=r"its weights are in .*w\.data, and that is not there"):
        open_session(path)
    (tmp_path / "w.data").write_bytes(b"1")
    with pytest.raises(ModelError, match="its file of weights is cut short"):
        open_session(path)
    (tmp_path / "w.data").write_bytes(np.ones(3, np.float32).tobytes())
    assert open_session(path).run({"x": np.ones((1, 3), np.float32)})["y"].tolist() == [[2, 2, 2]]


@pytest.mark.parametrize("outside", ["../w.data", "{}/w.data"])
def test_weights_outside_the_model_s_folder_are_not_read(tmp_path: Path, outside: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "w.data").write_bytes(np.ones(3, np.float32).tobytes())
    with pytest.raises(ModelError, match="it wants weights from outside its folder"):
        open_session(external(tmp_path / "in", outside.format(tmp_path)))


def test_settings_reach_the_session() -> None:
    made = Settings(
        intra_op_threads=1, inter_op_threads=2, graph_optimization="disabled", execution="parallel",
        cpu_mem_arena=False, mem_pattern=False, config={"session.intra_op.allow_spinning": "0"},
    )  # fmt: skip
    options = open_session(channel_means(), settings=made).raw.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 2)
    assert options.graph_optimization_level == ort.ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    assert options.execution_mode == ort.ort.ExecutionMode.ORT_PARALLEL
    assert (options.enable_cpu_mem_arena, options.enable_mem_pattern) == (False, False)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_onnxruntime_prints_nothing_of_what_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelError):
        open_session(b"hello")
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_cuda_is_an_error_where_it_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archc.runtime.environment.environment", lambda: BARE)
    with pytest.raises(DeviceError) as caught:
        open_session(channel_means(), device="cuda")
    assert [problem.partition(":")[0] for problem in caught.value.problems] == ["driver", "cuBLAS", "cuDNN"]


def test_a_provider_that_does_not_come_up_leaves_no_session_on_the_cpu() -> None:
    """onnxruntime drops a provider that it can't load, and would run on the CPU."""
    if CUDA not in ort.ort.get_available_providers():
        pytest.skip("this onnxruntime has no CUDA provider")
    import archc.runtime.environment as machine

    if not machine.environment().missing():
        pytest.skip("CUDA works here")
    with pytest.raises(LeftToCpuError):
        make_session(channel_means(), CUDA, {}, Settings(), strict=True)


def test_unknown_device() -> None:
    with pytest.raises(ValueError, match="no device 'tpu'; there are cpu, cuda"):
        open_session(channel_means(), device="tpu")


def sized() -> bytes:
    """A global pooling to the size that another tensor has, computed as the model runs."""
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"], name="shape"),
        helper.make_node("Gather", ["shape", "two"], ["height"], name="height"),
        helper.make_node("Constant", [], ["one"], name="one", value_ints=[1]),
        helper.make_node("Concat", ["minus", "height", "one"], ["sizes"], name="sizes", axis=0),
        helper.make_node("Relu", ["x"], ["positive"], name="relu"),
        helper.make_node("Reshape", ["positive", "sizes"], ["y"], name="reshape"),
    ]
    weights = {"two": np.array([2], np.int64), "minus": np.array([-1], np.int64)}
    return model(nodes, {"x": (FLOAT, ["N", 2, "H", "W"])}, {"y": (FLOAT, [None, None, 1])}, weights)


def test_arithmetic_on_sizes_is_told_from_the_network(tmp_path: Path) -> None:
    sizes = {("shape", "Shape"), ("height", "Gather"), ("sizes", "Concat")}
    assert size_nodes(sized()) == size_nodes(written(tmp_path, sized())) == sizes


def test_nodes_without_names_are_no_sizes_unless_their_op_is() -> None:
    """A network of which one node is a Shape, and none has a name, must not run on the CPU unseen."""
    ops = {"Shape": ["x"], "Relu": ["x"], "Cast": ["shape"]}
    nodes = [
        helper.make_node(op, given, [op.lower()], **({"to": FLOAT} if op == "Cast" else {}))
        for op, given in ops.items()
    ]
    nodes += [helper.make_node("Cast", ["relu"], ["y"], to=FLOAT)]
    data = model(nodes, {"x": (FLOAT, ["N", 2])}, {"y": (FLOAT, ["N", 2]), "cast": (FLOAT, [2])})
    assert size_nodes(data) == {("", "Shape")}
    placed = [Placed("", op, CPU) for op in ("Shape", "Relu")]
    with pytest.raises(DeviceError, match="1 of 2 nodes would not run"):
        check_placement(placed, CUDA, size_nodes(data))


def test_every_node_must_have_its_provider() -> None:
    """A real session: all of it runs on the CPU, so CUDA lacks every node that is not about sizes."""
    session = open_session(sized(), settings=Settings(graph_optimization="disabled"))
    assert check_placement(session.nodes, CPU) == []
    with pytest.raises(DeviceError) as caught:
        check_placement(session.nodes, CUDA, size_nodes(sized()))
    problems = caught.value.problems
    assert [problem.partition(":")[0] for problem in problems] == ["Relu", "Reshape"]
    assert "relu" in problems[0] and CPU in problems[0]


def test_nodes_on_the_cpu_by_design_are_told() -> None:
    nodes = [Placed("shape", "Shape", CPU), Placed("conv", "Conv", CUDA)]
    assert check_placement(nodes, CUDA, frozenset({("shape", "Shape")})) == nodes[:1]
    with pytest.raises(DeviceError, match="1 of 2 nodes would not run on CUDA"):
        check_placement(nodes, CUDA)


def test_nodes_of_one_op_are_said_together() -> None:
    nodes = [Placed(f"norm{i}", "GroupNormalization", CPU) for i in range(9)]
    with pytest.raises(DeviceError) as caught:
        check_placement(nodes, CUDA)
    (problem,) = caught.value.problems
    assert problem.startswith("GroupNormalization: ") and problem.endswith("norm0, norm1, norm2, norm3 and 5 more")


def test_replayed_runs_read_what_they_are_given_now() -> None:
    """Of a CUDA graph, without CUDA: fixed buffers, inputs copied into them, for each set of shapes its own."""
    session, rng = open_session(channel_means()), np.random.default_rng(0)
    replays = Replays(session.raw, "cpu")
    for batch in (1, 2, 1, 3, 2):
        x = rng.random((batch, 3, 8, 8), np.float32)
        (got,) = replays.run({"x": ort.ort.OrtValue.ortvalue_from_numpy(x)})
        np.testing.assert_array_equal(got.numpy(), session.run({"x": x})["logits"])


def test_shapes_beyond_the_most_graphs_run_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archc.runtime.binding.MOST", 2)
    session = open_session(channel_means())
    replays = Replays(session.raw, "cpu")
    for batch in (1, 2, 3, 4, 1, 3):
        x = np.full((batch, 3, 8, 8), batch, np.float32)
        (got,) = replays.run({"x": ort.ort.OrtValue.ortvalue_from_numpy(x)})
        np.testing.assert_array_equal(got.numpy(), np.full((batch, 3), batch, np.float32))
    assert len(replays._known) == 2


def test_replayed_runs_of_several_threads_do_not_mix() -> None:
    session = open_session(channel_means(size=(64, 64)))
    replays = Replays(session.raw, "cpu")

    def mean(value: int) -> set[float]:
        x = np.full((1, 3, 64, 64), value, np.float32)
        return {
            float(v)
            for _ in range(20)
            for v in replays.run({"x": ort.ort.OrtValue.ortvalue_from_numpy(x)})[0].numpy().flat
        }

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(mean, range(16))) == [{float(value)} for value in range(16)]


def test_integers_pass() -> None:
    data = model([helper.make_node("Abs", ["x"], ["y"])], {"x": (INT64, ["N"])}, {"y": (INT64, ["N"])})
    assert archc.Session.run(open_session(data), {"x": np.array([-3])})["y"].tolist() == [3]


@pytest.mark.gpu
@pytest.mark.usefixtures("cuda")
def test_cuda_graphs_give_what_plain_runs_give() -> None:
    from archc.runtime.session import CudaSettings

    data, rng = channel_means(), np.random.default_rng(0)
    plain = open_session(data, device="cuda")
    graphs = open_session(data, device="cuda", settings=Settings(cuda=CudaSettings(enable_cuda_graph=True)))
    assert set(plain.placement().values()) == {CUDA}
    for batch in (1, 2, 1, 2):
        x = rng.random((batch, 3, 8, 8), np.float32)
        np.testing.assert_array_equal(graphs.run({"x": x})["logits"], plain.run({"x": x})["logits"])
