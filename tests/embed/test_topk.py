"""The best classes in place of the logits."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from archc.backends.onnx.embed.topk import EmbedTopK
from archc.backends.onnx.lower import OPSET
from archc.backends.onnx.model import model_of
from archc.backends.onnx.passes.base import run_on_program
from archc.backends.onnx.program import OnnxNode, Program, TensorType
from archc.diagnostics.diagnostic import RequestError
from tests.embed.pictures import session

Logits = NDArray[np.floating]


def model(k: int, nodes: list[OnnxNode], outputs: dict[str, TensorType], **labels: list[str]) -> onnx.ModelProto:
    """Nodes from `x`, N × 6, in the type of the first output."""
    inputs = {"x": TensorType(("N", 6), next(iter(outputs.values())).dtype)}
    program = Program(nodes, [], inputs, outputs, {}, OPSET)
    run_on_program(EmbedTopK(k, labels), program)
    made = model_of(program, "topk").proto()
    onnx.checker.check_model(made, full_check=True)
    return made


def on_logits(k: int, logits: Logits, *last: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """`scores` and `classes`; ``last`` are the network's last nodes."""
    types = ["Identity", *last]
    names = ["x", *(f"t{i}" for i in range(len(last))), "logits"]
    nodes = [OnnxNode(t, [names[i]], [names[i + 1]], name=names[i + 1]) for i, t in enumerate(types)]
    made = session(model(k, nodes, {"logits": TensorType(("N", 6), logits.dtype.name)}).SerializeToString())
    assert [o.name for o in made.get_outputs()] == ["scores", "classes"]
    assert [o.shape for o in made.get_outputs()] == [["N", k]] * 2
    return tuple(made.run(None, {"x": logits}))


def softmax(logits: Logits) -> NDArray[np.float64]:
    e = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


@settings(deadline=None, max_examples=25)
@given(
    k=st.integers(1, 6), count=st.integers(1, 4), seed=st.integers(0, 1000), spread=st.sampled_from([1.0, 30.0, 500.0])
)
def test_scores_and_classes(k: int, count: int, seed: int, spread: float) -> None:
    logits = (np.random.default_rng(seed).normal(size=(count, 6)) * spread).astype(np.float32)
    scores, classes = on_logits(k, logits)
    wanted = np.argsort(-logits, axis=1, kind="stable")[:, :k]
    assert (scores.dtype, classes.dtype) == (np.float32, np.int64)
    np.testing.assert_array_equal(classes, wanted)  # also where scores have vanished
    np.testing.assert_allclose(scores, np.take_along_axis(softmax(logits), wanted, 1), rtol=1e-5, atol=1e-7)


def test_of_equal_logits_the_lower_class_comes_first() -> None:
    assert on_logits(4, np.array([[1, 3, 3, 0, 3, 1]], np.float32))[1].tolist() == [[1, 2, 4, 0]]


def test_scores_of_half_precision_are_computed_in_fp32() -> None:
    logits = np.random.default_rng(0).normal(size=(3, 6)).astype(np.float16)
    scores, _ = on_logits(6, logits)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores.sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(scores, -np.sort(-softmax(logits), axis=1), rtol=1e-6)


@pytest.mark.parametrize("last", [("Softmax",), ("Softmax", "Identity"), ("Sigmoid",)], ids="-".join)
def test_what_is_a_score_already_stays_one(last: tuple[str, ...]) -> None:
    logits = np.random.default_rng(1).normal(size=(2, 6)).astype(np.float32)
    scores, _ = on_logits(3, logits, *last)
    given = softmax(logits) if last[0] == "Softmax" else 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(scores, -np.sort(-given, axis=1)[:, :3], rtol=1e-5)


def outputs_of(made: onnx.ModelProto) -> dict[str, list[str | int]]:
    return {o.name: [d.dim_param or d.dim_value for d in o.type.tensor_type.shape.dim] for o in made.graph.output}


def two(*names: str) -> tuple[list[OnnxNode], dict[str, TensorType]]:
    nodes = [OnnxNode("Relu", ["x"], [name], name=name) for name in names]
    return nodes, {name: TensorType(("N", 6)) for name in names}


def test_several_outputs_are_told_apart_by_name() -> None:
    made = model(2, *two("fine", "coarse"))
    assert outputs_of(made) == {
        "fine.scores": ["N", 2], "fine.classes": ["N", 2], "coarse.scores": ["N", 2], "coarse.classes": ["N", 2],
    }  # fmt: skip


def test_where_labels_name_an_output_the_others_stay() -> None:
    made = model(2, *two("fine", "features"), fine=list("abcdef"))
    assert outputs_of(made) == {"features": ["N", 6], "fine.scores": ["N", 2], "fine.classes": ["N", 2]}


@pytest.mark.parametrize("name", ["scores", "classes"])
def test_an_output_or_a_layer_of_that_name_gives_way(name: str) -> None:
    nodes = [OnnxNode("Relu", ["x"], [name], name=name), OnnxNode("Neg", [name], ["logits"], name="logits")]
    made = model(2, nodes, {"logits": TensorType(("N", 6))})
    assert list(outputs_of(made)) == ["scores", "classes"]
    found = session(made.SerializeToString()).run(None, {"x": np.arange(6, dtype=np.float32)[None]})
    assert found[1].tolist() == [[0, 1]]
    for output in (name, "logits"):  # a layer that makes an output has its own name still
        made = model(2, [OnnxNode("Relu", ["x"], [output], name=name)], {output: TensorType(("N", 6))})
        assert list(outputs_of(made)) == ["scores", "classes"]
        session(made.SerializeToString())


@pytest.mark.parametrize("name", ["scores", "classes"])
def test_an_input_of_that_name_keeps_it(name: str) -> None:
    types = {name: TensorType(("N", 6))}
    program = Program([OnnxNode("Relu", [name], ["y"], name="y")], [], types, {"y": TensorType(("N", 6))}, {}, OPSET)
    run_on_program(EmbedTopK(2, {}), program)
    assert list(program.inputs) == [name]
    assert [n.removesuffix("_1") for n in program.outputs] == ["scores", "classes"]
    session(model_of(program, "topk").proto().SerializeToString())


def test_more_classes_than_there_are() -> None:
    with pytest.raises(RequestError, match="the output `a` has 6 classes"):
        model(7, *two("a"))


def test_a_network_without_classes() -> None:
    nodes = [OnnxNode("Unsqueeze", ["x", "axes"], ["y"], name="y")]
    with pytest.raises(RequestError, match=r"no output is batch × classes: `y` \[N, 6, 1\]"):
        model(1, nodes, {"y": TensorType(("N", 6, 1))})
