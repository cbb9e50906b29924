"""Which nodes become half precision, where casts stand, and what becomes of weights."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archc.backends.onnx.calibration import Calibration
from archc.backends.onnx.kernels import without_kernel
from archc.backends.onnx.passes import PassError
from archc.backends.onnx.passes.base import run_on_program
from archc.backends.onnx.precision.dtypes import dtypes
from archc.backends.onnx.precision.half.weights import loss, narrow
from archc.backends.onnx.precision.simulate import simulated
from archc.backends.onnx.profiles import CUDA
from archc.backends.onnx.program import OnnxNode, Program
from archc.diagnostics.diagnostic import RequestError
from tests.precision.halves import KINDS, SHAPE, W, casts, conv, halved, node, program, proto, run

FEEDS = {"x": np.random.default_rng(0).standard_normal((2, *SHAPE)).astype(np.float32)}


def types(made: Program) -> dict[str, str]:
    return {n.outputs[0]: dtypes(made)[n.outputs[0]] for n in made.nodes if n.op_type != "Cast"}


# Casts


@pytest.mark.parametrize(("kind", "dtype"), [("fp16", "float16"), ("bf16", "bfloat16")])
def test_casts_stand_at_inputs_and_outputs_alone(kind: str, dtype: str) -> None:
    made = program(conv("x", "a"), node("Relu", "a", "b"), node("Add", "b x", "y"), constants=W)
    halved(made, kind)
    short = {"float16": "fp16", "bfloat16": "bf16"}[dtype]
    assert casts(made) == [("x", f"x.{short}"), (f"y.{short}", "y")]
    assert types(made) == {"a": dtype, "b": dtype, f"y.{short}": dtype}
    assert made.dtype("w") == dtype
    assert (made.dtype("x"), made.dtype("y")) == ("float32", "float32")
    proto(made)


def test_an_output_that_is_read_within_is_read_before_its_cast() -> None:
    made = program(conv("x", "a"), conv("a", "y"), constants=W, outputs=("a", "y"))
    halved(made)
    assert casts(made) == [("x", "x.fp16"), ("a.fp16", "a"), ("y.fp16", "y")]
    assert made.producer("y.fp16").inputs[0] == "a.fp16"  # type: ignore[union-attr]
    proto(made)


def test_a_node_in_fp32_reads_an_output_as_the_model_gives_it() -> None:
    made = program(conv("x", "a"), node("Softmax", "a", "y"), constants=W, outputs=("a", "y"))
    halved(made)
    assert casts(made) == [("x", "x.fp16"), ("a.fp16", "a")]
    proto(made)


def test_a_tensor_is_cast_once_for_all_that_read_it_so() -> None:
    made = program(
        conv("x", "a"), node("Softmax", "a", "s"), node("LogSoftmax", "a", "t"), node("Add", "s t", "y"), constants=W
    )
    halved(made)
    assert sorted(casts(made)) == [("a", "a.fp32"), ("s", "s.fp16"), ("t", "t.fp16"), ("x", "x.fp16"), ("y.fp16", "y")]


def test_between_nodes_in_fp32_what_moves_numbers_stays_in_fp32() -> None:
    moved = [node("Transpose", "s", "t", perm=[0, 1, 3, 2]), node("Relu", "t", "u"), node("Softmax", "u", "v")]
    made = program(conv("x", "a"), node("Softmax", "a", "s"), *moved, conv("v", "y"), constants=W)
    halved(made)
    assert casts(made) == [("x", "x.fp16"), ("a", "a.fp32"), ("v", "v.fp16"), ("y.fp16", "y")]


def test_what_moves_numbers_to_half_is_half_itself() -> None:
    made = program(node("Softmax", "x", "s"), node("Relu", "s", "t"), conv("t", "y"), constants=W)
    halved(made)
    assert casts(made) == [("s", "s.fp16"), ("y.fp16", "y")]


def test_constants_that_both_read_stand_in_both() -> None:
    made = program(conv("x", "a"), conv("a", "y"), constants={"w": W["w"] / 3})
    halved(made, "fp16", "y")
    found = {name: made.dtype(name) for name in made.initializers}
    assert found == {"w": "float32", "w.fp16": "float16"}
    assert np.array_equal(made.value("w.fp16"), made.value("w").astype(np.float16))


# Which nodes


def resize(x: str, output: str) -> OnnxNode:
    made = node("Resize", x, output, mode="nearest")
    made.inputs += ["", "scales"]
    return made


def test_what_an_operator_takes_in_fp32_alone_stays_so() -> None:
    """The scales of Resize; exponents too, which Pow may take in another type than its base."""
    made = program(resize("x", "a"), conv("a", "y"), constants={"scales": [1.0, 1.0, 1.0, 1.0], **W})
    halved(made)
    assert (made.dtype("scales"), made.dtype("a")) == ("float32", "float16")
    proto(made)
    made = program(node("Pow", "x p", "y"), constants={"p": 0.3})
    halved(made, "bf16")
    assert (made.dtype("p"), types(made)) == ("float32", {"y.bf16": "bfloat16"})
    proto(made)


def test_what_must_be_of_one_type_is() -> None:
    """BatchNormalization has three type parameters; CUDA's kernel wants one type."""
    norm = node("BatchNormalization", "x s s s s", "y")
    made = program(norm, constants={"s": np.full(4, 0.7, np.float32)})
    halved(made)
    assert made.dtype("s") == "float16"
    proto(made)


def test_integers_stay_integers() -> None:
    made = program(node("Reshape", "x to", "a"), conv("a", "y"), constants={"to": np.array([0, 4, 6, 6]), **W})
    halved(made)
    assert made.dtype("to") == "int64"


REASONS = {
    "Softmax": "small probabilities vanish",
    "LRN": "squares of numbers from 256 on pass 65504",
    "Exp": "exp(x) turns absolute errors into relative ones",
    "Celu": "no fp16 kernel in CUDAExecutionProvider",
}


@pytest.mark.parametrize("op", REASONS)
def test_a_node_stays_in_fp32_for_a_reason_that_is_told(op: str) -> None:
    given = {"size": 3} if op == "LRN" else {}
    made = program(conv("x", "a"), node(op, "a", "b", **given), conv("b", "y"), constants=W)
    applied = halved(made)
    assert types(made)["b"] == "float32"
    assert [(c.layer, c.what) for c in applied.changes[:-1]] == [("b", f"{op} stays in fp32: {REASONS[op]}")]
    assert applied.changes[-1].what == "2 nodes in fp16, 4 casts"


def test_squares_keep_their_layer_in_fp32() -> None:
    """x / √(mean x²): the mean of numbers of 300 is beyond fp16."""

    def made_in(kind: str) -> Program:
        mean = [node("Mul", "a a", "n:1"), node("GlobalAveragePool", "n:1", "n:2"), node("Sqrt", "n:2", "n:3")]
        made = program(conv("x", "a"), *mean, node("Div", "a n:3", "n:4"), conv("n:4", "y"), constants=W)
        halved(made, kind)
        return made

    made = made_in("fp16")
    assert {t: d for t, d in types(made).items() if t[0] == "n"} == {f"n:{i}": "float32" for i in (1, 2, 3, 4)}
    large = {"x": 300 + FEEDS["x"]}
    (found,) = run(simulated(made), large)
    assert np.allclose(found, 1, atol=0.02)
    in_bf16 = types(made_in("bf16"))  # whose range is that of fp32
    assert {in_bf16[f"n:{i}"] for i in (1, 3, 4)} == {"bfloat16"}


def test_what_cuda_has_no_kernel_for_stays_in_fp32() -> None:
    made = program(conv("x", "a"), node("LeakyRelu", "a", "b"), conv("b", "y"), constants=W)
    applied = halved(made, "bf16")
    assert made.opsets == {"": 22}
    assert applied.changes[0].what == "LeakyRelu stays in fp32: no bf16 kernel in CUDAExecutionProvider"
    assert not without_kernel(made, CUDA)
    anywhere = program(conv("x", "a"), node("LeakyRelu", "a", "y"), constants=W)
    halved(anywhere, "bf16", provider=None)
    assert types(anywhere) == {"a": "bfloat16", "y.bf16": "bfloat16"}


def test_operators_of_onnxruntime_are_known() -> None:
    gelu = node("Gelu", "a", "b")
    gelu.domain = "com.microsoft"
    made = program(conv("x", "a"), gelu, conv("b", "y"), constants=W)
    made.opsets["com.microsoft"] = 1
    halved(made)
    assert set(types(made).values()) == {"float16"}


def test_kept_layers() -> None:
    made = program(conv("x", "stage1.a"), conv("stage1.a", "stage1.b"), conv("stage1.b", "y"), constants=W)
    applied = halved(made, "fp16", "stage1.b")
    assert types(made) == {"stage1.a": "float16", "stage1.b": "float32", "y.fp16": "float16"}
    assert applied.changes[0].what == "Conv stays in fp32: kept by --keep-fp32"


# Weights


def test_a_weight_beyond_fp16_keeps_its_node_in_fp32() -> None:
    made = program(conv("x", "a"), node("Mul", "a large", "y"), constants={"large": 7e4, **W})
    applied = halved(made)
    assert types(made) == {"a": "float16", "y": "float32"}
    assert applied.changes[0].what == "Mul stays in fp32: `large` holds 7e+04, which is too large"
    (found,) = run(made, FEEDS)
    assert np.allclose(found, 7e4 * FEEDS["x"], rtol=1e-3)


def test_a_constant_that_would_vanish_keeps_its_node_in_fp32() -> None:
    made = program(node("Add", "x tiny", "a"), node("Relu", "a", "y"), constants={"tiny": 1e-9})
    applied = halved(made)
    assert applied.changes[0].what == "Add stays in fp32: `tiny` would vanish"


def test_weights_that_vanish_among_others_are_told() -> None:
    weight = W["w"] + np.float32(1e-9) * (W["w"] == 0)
    applied = halved(made := program(conv("x", "y"), constants={"w": weight}))
    assert applied.changes[0].what == "12 of 16 numbers of `w` are too small and become 0"
    assert made.value("w").dtype == np.float16


@pytest.mark.parametrize(("size", "stays"), [(1e-3, False), (1e-4, False), (1e-6, True), (1e-7, True)])
def test_filters_that_would_keep_few_digits_stay_in_fp32(size: float, stays: bool) -> None:
    """Below 6.1e-5 fp16 has ever fewer digits; bf16 has them all."""
    weight = (size * np.random.default_rng(0).standard_normal((4, 4, 1, 1))).astype(np.float32)
    for kind in ("fp16", "bf16"):
        changes = halved(made := program(conv("x", "y"), constants={"w": weight}), kind).changes
        reasons = [c.what for c in changes if "stays" in c.what]
        few = "Conv stays in fp32: `w` holds numbers that are too small"
        assert reasons == [few] * (stays and kind == "fp16")
        back = made.value("w").astype(np.float64)
        assert np.linalg.norm(back - weight) <= 2**-8 * np.linalg.norm(weight)


def test_keeping_all_in_fp32_is_an_error() -> None:
    with pytest.raises(RequestError, match="--keep-fp32: nothing is left that fp16 could compute"):
        halved(program(conv("x", "y"), constants=W), "fp16", "*")


def test_infinite_padding_stays_infinite() -> None:
    made = program(conv("x", "a"), node("Pad", "a pads low", "y"),
                   constants={"pads": np.zeros(8, np.int64), "low": -np.inf, **W})  # fmt: skip
    halved(made)
    assert made.value("low") == -np.inf
    assert made.dtype("low") == "float16"


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=20))
@pytest.mark.parametrize(
    ("dtype", "most"), [("float16", 65504.0), ("bfloat16", float(ml_dtypes.finfo("bfloat16").max))]
)
def test_numbers_are_rounded_to_the_nearest(dtype: str, most: float, numbers: list[float]) -> None:
    exact = np.array(numbers, np.float32)
    half = narrow(exact, dtype)
    assert half.dtype == dtype
    back = half.astype(np.float64)
    finite, within = np.isfinite(exact), np.isfinite(back)
    assert np.array_equal(back[~finite], exact[~finite])
    for way in (-np.inf, np.inf):  # neither neighbour is nearer
        near = np.nextafter(half, np.array(way, half.dtype)).astype(np.float64)
        some = finite & within & np.isfinite(near)
        assert (np.abs(back[some] - exact[some]) <= np.abs(near[some] - exact[some])).all()
    lost = loss(exact, half)
    beyond = np.abs(exact[finite & ~within])
    assert lost.largest == (beyond.max() if beyond.size else None)
    assert all(beyond > most)
    assert lost.vanished == np.count_nonzero((exact != 0) & (back == 0))


@pytest.mark.parametrize(("dtype", "number", "rounded"), [
    ("float16", 2049, 2048), ("float16", 2051, 2052), ("bfloat16", 257, 256), ("bfloat16", 259, 260),
    ("float16", 65519, 65504), ("float16", 65520, np.inf),
])  # fmt: skip
def test_between_two_the_even_one_is_taken(dtype: str, number: float, rounded: float) -> None:
    assert float(narrow(np.float32([number]), dtype)[0]) == rounded


# Contracts


def test_a_program_that_is_half_already_is_refused() -> None:
    made = program(conv("x", "y"), constants=W)
    halved(made)
    with pytest.raises(PassError, match=r"fp16, before it: `w` is float16"):
        halved(made)


def test_a_pattern_that_matches_nothing_is_an_error() -> None:
    with pytest.raises(RequestError, match="--keep-fp32: no layer matches `stag1`; did you mean `stage1`"):
        halved(program(conv("x", "stage1.a"), conv("stage1.a", "y"), constants=W), "fp16", "stag1")


@pytest.mark.parametrize("kind", KINDS)
def test_what_overflows_on_the_samples_is_said(kind: str, tmp_path: Path) -> None:
    """Each weight fits into fp16; what they make of these samples does not."""
    np.save(tmp_path / "x.npy", np.full((1, *SHAPE), 3.0, np.float32))
    made = program(conv("x", "a"), node("Relu", "a", "b"), conv("b", "y"), constants={"w": W["w"] * 4e4})
    one = KINDS[kind](CUDA, (), Calibration(str(tmp_path / "x.npy")))
    run_on_program(one, made)
    assert one.report is not None
    warnings = [line for line in one.report.lines() if "65504" in line]
    said = "warning: `a`, `b` and `y` pass 65504, where fp16 ends: --keep-fp32 PATTERN, or cuda-bf16"
    assert warnings == ([said] if kind == "fp16" else [])
