"""``--io``: types of inputs and outputs, in every profile."""

from __future__ import annotations

import numpy as np
import pytest

from archc.backends.onnx.export import Export
from archc.backends.onnx.model import build
from archc.backends.onnx.passes.base import run_on_program
from archc.backends.onnx.precision.io import Declare
from archc.backends.onnx.precision.simulate import simulated
from archc.backends.onnx.precision.types import FP32_IO, InOut
from archc.backends.onnx.program import Program
from archc.diagnostics.diagnostic import RequestError
from archc.graph.graph import Graph
from tests.precision.halves import KINDS, SHAPE, W, casts, conv, halved, node, program, proto, run
from tests.support.builder import Builder
from tests.support.ops import relative_error

X = np.random.default_rng(3).standard_normal((2, *SHAPE)).astype(np.float32)
HALF = InOut("float16", "float16")


def declared(made: Program, io: InOut = HALF) -> Program:
    run_on_program(Declare(io), made)
    proto(made)
    return made


def test_a_half_network_with_half_tensors_has_no_casts() -> None:
    made = program(conv("x", "a"), node("Add", "a x", "y"), constants=W)
    halved(made)
    assert casts(declared(made)) == []
    assert [n.name for n in made.nodes] == ["a", "y"]
    assert (made.dtype("x"), made.dtype("y")) == ("float16", "float16")


def test_a_network_in_fp32_gets_a_cast_on_each_side() -> None:
    made = declared(program(conv("x", "a"), node("Add", "a x", "y"), constants=W))
    assert casts(made) == [("x", "x.fp32"), ("y.fp32", "y")]
    (found,) = run(made, {"x": X.astype(np.float16)})
    assert found.dtype == np.float16


def test_what_stays_in_fp32_reads_the_input_through_a_cast() -> None:
    made = program(node("Softmax", "x", "a"), conv("x", "b"), node("Add", "a b", "y"), constants=W)
    halved(made)
    assert casts(declared(made)) == [("x", "x.fp32"), ("a", "a.fp16")]


def test_an_output_is_rounded_once() -> None:
    """A bf16 network with fp16 outputs: from one to the other, without fp32 between."""
    made = program(conv("x", "y"), constants=W)
    halved(made, "bf16")
    declared(made, InOut("float32", "float16"))
    assert casts(made) == [("x", "x.bf16"), ("y.bf16", "y")]
    assert run(simulated(made), {"x": X})[0].dtype == np.float16


def test_an_output_that_another_node_reads() -> None:
    made = program(conv("x", "a"), conv("a", "y"), constants=W, outputs=("a", "y"))
    halved(made, "fp16", "y")
    declared(made)
    found = run(made, {"x": X.astype(np.float16)})
    assert [f.dtype for f in found] == [np.float16] * 2
    assert all(relative_error(f, X) < 2e-3 for f in found)


def test_integers_are_left_alone() -> None:
    made = program(conv("x", "a"), node("ArgMax", "a", "y", axis=1), constants=W)
    made.outputs["y"] = made.outputs["y"]._replace(shape=("N", 1, 6, 6), dtype="int64")
    made.types.pop("y")
    halved(made)
    declared(made)
    assert made.outputs["y"].dtype == "int64"


@pytest.mark.parametrize("profile", ["portable", "cpu", "cuda-fp32", "cuda-fp16", "cuda-bf16"])
@pytest.mark.parametrize(("io", "dtypes"), [
    ("fp32", ("float32", "float32")), ("fp16", ("float16", "float16")), ("fp16,fp32", ("float16", "float32")),
    ("fp32, fp16", ("float32", "float16")), ("bf16", ("bfloat16", "bfloat16")),
])  # fmt: skip
def test_in_every_profile(profile: str, io: str, dtypes: tuple[str, str]) -> None:
    made = build(small(), export=Export.of(profile, io=io)).program
    proto(made)
    assert (made.inputs["x"].dtype, made.outputs["y"].dtype) == dtypes
    if "bfloat16" not in dtypes:  # which numpy can't feed
        feeds = {"x": np.ones((1, 3, 8, 8), dtypes[0])}
        (found,) = run(simulated(made), feeds)
        (exact,) = run(build(small()).program, {"x": np.ones((1, 3, 8, 8), np.float32)})
        assert found.dtype == dtypes[1]
        assert relative_error(found, exact) < 1.6e-2


def small() -> Graph:
    b = Builder("small", [3, 8, 8])
    b.add("conv", "conv", 8, 3, padding=1)
    b.add("pool", "max_pool", 2)
    b.add("flatten", "flatten")
    b.add("fc", "linear", 5)
    return b.graph({"y": b.prev})


def test_fp32_is_the_default() -> None:
    assert InOut.parse("fp32") == Export.of().io == FP32_IO
    assert [InOut.parse(text).text() for text in ("bf16", "fp16,fp16", "fp16,fp32")] == ["bf16", "fp16", "fp16,fp32"]


@pytest.mark.parametrize(("text", "message"), [
    ("fp8", "--io: there is no type `fp8`"), ("fp16,", "--io: there is no type ``"),
    ("fp16,fp16,fp32", "--io: `fp16,fp16,fp32` names more than two types"),
])  # fmt: skip
def test_what_there_is_not_is_an_error(text: str, message: str) -> None:
    with pytest.raises(RequestError) as caught:
        Export.of(io=text)
    assert caught.value.message == message
    assert caught.value.hint == "one of fp32, fp16, bf16, or two with a comma: inputs, outputs"


@pytest.mark.parametrize("kind", KINDS)
def test_keep_fp32_reaches_the_network(kind: str) -> None:
    made = build(small(), export=Export.of(f"cuda-{kind}", keep_fp32=["f?"]))
    assert made.program.dtype("fc.weight") == "float32"
    with pytest.raises(RequestError, match="--keep-fp32: the profile `cpu` is in fp32 altogether"):
        Export.of("cpu", keep_fp32=["fc"])
