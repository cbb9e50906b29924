"""``archc verify MODEL``: a model against itself, and against the network that it was made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import archc as package
from archc.runtime.errors import ModelError
from archc.verification.models import ModelPlan, verify_model
from archc.verification.networks import with_random_weights
from archc.verification.result import Verification
from tests.verification.conftest import Archc
from tests.verification.nets import SPEC, line, written
from tests.verification.tiny import tiny

MODULE, MODEL = "module", "model, optimised"


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    return written(tmp_path)


def built(spec: Path, **export: Any) -> Path:
    return package.compile(spec).onnx(spec.with_name("small.onnx"), **export).path


def kinds(found: Verification) -> set[str]:
    return {row.what for row in found.rows}


def test_a_model_of_random_weights_is_compared_with_its_module(spec: Path) -> None:
    found = verify_model(built(spec))
    assert found.agrees and not found.notes
    assert [(row.what, row.batch) for row in found.rows] == [(what, n) for what in (MODEL, MODULE) for n in (1, 2, 5)]
    assert found.weights == "random, seed 0"


def test_a_model_of_trained_weights_is_compared_with_its_module_where_they_are_given(spec: Path) -> None:
    weights = spec.with_name("w.safetensors")
    with_random_weights(package.compile(spec), 0).save(weights)
    path = built(spec, weights=weights)
    found = verify_model(path)
    assert found.agrees and kinds(found) == {MODEL}
    assert found.notes == ("the network's module: it holds its weights only as they were folded",)
    found = verify_model(path, weights)
    assert found.agrees and kinds(found) == {MODEL, MODULE}


@pytest.mark.parametrize(
    "export",
    [
        {"profile": "cuda-fp16"},
        {"profile": "cuda-fp16", "io": "fp16"},
        {"profile": "cuda-fp32"},
        {"profile": "cpu-int8", "calibrate": "random", "calibrate_limit": 4},
    ],
    ids=lambda export: "-".join(map(str, export.values())),
)
def test_in_other_numbers_by_their_tolerance(spec: Path, export: dict[str, Any]) -> None:
    weighted = with_random_weights(package.compile(spec), 0)
    weights = spec.with_name("w.safetensors")
    weighted.save(weights)
    found = verify_model(built(spec, weights=weights, **export), weights)
    assert found.agrees and kinds(found) == {MODEL, MODULE}
    assert {row.tolerance.precision for row in found.rows} == {export["profile"].rpartition("-")[2]}


def test_what_no_cpu_runs_is_an_error_that_says_so(spec: Path) -> None:
    with pytest.raises(ModelError, match="no kernel here"):
        verify_model(built(spec, profile="cuda-bf16"))


def change(path: Path, name: str, by: float) -> None:
    model = onnx.load(path)
    tensor = next(t for t in model.graph.initializer if t.name == name)
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(by), name))
    onnx.save(model, path)


@pytest.mark.parametrize("profile", ["portable", "cuda-fp32"])
def test_a_model_with_a_wrong_weight_differs_there_from_its_module(spec: Path, profile: str) -> None:
    path = built(spec, profile=profile)
    change(path, "unit2.conv2.weight", 1.01)
    found = verify_model(path)
    assert not found.agrees
    assert {row.what for row in found.rows if not row.agrees} == {MODULE}
    blamed = next(row.blamed for row in found.rows if row.blamed)
    assert (blamed.layer, blamed.stands_for) == ("unit2.conv2", ("unit2.bn2",))
    assert f":{line(spec, 'conv2: conv')}:" in (blamed.place or "")


def test_images_of_any_size_as_they_are(spec: Path) -> None:
    text = SPEC + "preprocess: {resize: 24, mean: 0.5, std: 0.25}\n"
    path = built(written(spec.parent, text), preprocess=True, topk=3)
    found = verify_model(path)
    assert found.agrees and kinds(found) == {MODEL}
    assert {row.input for row in found.rows} == {"97 × 113 × 3"}
    assert found.notes == ('the network\'s module: the model holds more than the network: ["preprocess", "topk"]',)
    sized = verify_model(path, plan=ModelPlan(batches=(2,), sizes={"x": (31, 40, 3)}))
    assert {row.input for row in sized.rows} == {"31 × 40 × 3"}


def foreign(path: Path, nodes: Sequence[onnx.NodeProto], *, batch: int | str = "N", size: int | str = 4) -> Path:
    """A model of another's making."""
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [batch, 3, size, size]) for n in "xy")
    graph = helper.make_graph(list(nodes), "foreign", [x], [y])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


def test_a_model_in_which_samples_influence_one_another_differs_by_batch(tmp_path: Path) -> None:
    axes = helper.make_node("Constant", [], ["axes"], value_ints=[0])
    mean = helper.make_node("ReduceMean", ["a", "axes"], ["mean"], "over the batch", keepdims=1)
    nodes = [axes, helper.make_node("Relu", ["x"], ["a"], "first"), mean, helper.make_node("Sub", ["a", "mean"], ["y"])]
    found = verify_model(foreign(tmp_path / "m.onnx", nodes))
    assert {row.batch for row in found.rows if not row.agrees} == {2, 5}
    blamed = next(row.blamed for row in found.rows if row.blamed)
    assert (blamed.layer, blamed.op, blamed.before) == ("over the batch", "ReduceMean", 0.0)
    assert found.notes == ("the network's module: it does not hold its spec",)
    notes = verify_model(tmp_path / "m.onnx", Path("w.safetensors")).notes
    assert notes == ("the network's module: it does not hold its spec, and w.safetensors is not used",)


def test_a_model_of_one_batch_is_run_on_that(tmp_path: Path) -> None:
    path = foreign(tmp_path / "m.onnx", [helper.make_node("Relu", ["x"], ["y"])], batch=3)
    found = verify_model(path)
    assert found.agrees and {row.batch for row in found.rows} == {3}
    assert found.notes[0] == "batches other than 3: the model takes no others"


def test_sizes_that_the_model_leaves_free_are_asked_for(archc: Archc, folder: Path) -> None:
    foreign(folder / "m.onnx", [helper.make_node("Relu", ["x"], ["y"])], size="S")
    found = archc("verify", "m.onnx", "--device", "cpu")
    assert found.code == 2
    assert "--input" in found.err
    found = archc("verify", "m.onnx", "--device", "cpu", "--input", "3x7x7")
    assert found.code == 0
    assert "3 × 7 × 7" in found.out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["none.onnx"], "there is no such file"),
        (["broken.onnx"], "no ONNX model"),
        (["empty.onnx"], "empty.onnx: no ONNX model"),
        (["small.onnx", "--profile", "cpu"], "speak of a SPEC"),
        (["small.onnx", "--set", "width=4"], "speak of a SPEC"),
        (["small.onnx", "--weights", "other.safetensors"], "other.safetensors"),
        (["small.onnx", "--images", "none.npy"], "--images none.npy"),
    ],
)
def test_bad_input(archc: Archc, folder: Path, args: list[str], message: str) -> None:
    built(folder / "small.yaml")
    (folder / "broken.onnx").write_bytes(b"no model")
    (folder / "empty.onnx").write_bytes(b"")
    with_random_weights(package.compile("small.yaml", width=4), 0).save(folder / "other.safetensors")
    found = archc("verify", *args)
    assert (found.code, found.out) == (2, "")
    assert message in found.err


def test_a_model_that_differs_exits_with_1(archc: Archc, folder: Path) -> None:
    change(built(folder / "small.yaml"), "wide.weight", 2)
    found = archc("verify", "small.onnx", "--device", "cpu")
    assert found.code == 1
    assert "the first layer that differs: `wide`, conv (small.yaml:" in found.out


def test_sizes_without_a_name_are_the_first_input_s_and_no_session_is_opened_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from archc.cli.verify import _sizes
    from archc.runtime import session

    path = foreign(tmp_path / "m.onnx", [helper.make_node("Relu", ["x"], ["y"])], size="S")
    monkeypatch.setattr(session, "open_session", lambda *_, **__: pytest.fail("a session is opened"))
    assert _sizes([(None, [3, 7, 7])], str(path)) == {"x": [3, 7, 7]}
    assert _sizes([("x", [3, 7, 7])], str(path)) == {"x": [3, 7, 7]}


@pytest.mark.parametrize("seed", [1, 7, 34])
def test_a_correct_int8_model_of_a_tiny_network_agrees_with_its_module(seed: int, tmp_path: Path) -> None:
    """Calibrated on random numbers beyond which these samples reach."""
    path = int8_model(tmp_path, seed)
    found = verify_model(path, path.with_name("w.safetensors"))
    assert found.agrees and kinds(found) == {MODEL, MODULE}


def test_a_broken_int8_model_of_a_tiny_network_does_not(tmp_path: Path) -> None:
    path = int8_model(tmp_path, 1)
    name = next(t.name for t in onnx.load(path).graph.initializer if t.name.endswith(".weight.scale"))
    change(path, name, 3)
    assert not verify_model(path, path.with_name("w.safetensors")).agrees


def int8_model(folder: Path, seed: int) -> Path:
    network = package.compile(written(folder, tiny(seed)))
    weights = folder / "w.safetensors"
    with_random_weights(network).save(weights)
    export = {"profile": "cpu-int8", "calibrate": "random", "calibrate_limit": 16}
    return network.onnx(folder / "m.onnx", weights=weights, **export).path
