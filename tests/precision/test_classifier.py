"""Large linear layers with weights of 8 bits."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import archc
from archc.backends.onnx.export import Export
from archc.backends.onnx.model import build
from archc.backends.onnx.precision.classifier import BLOCK, ClassifierReport, rounded
from archc.backends.onnx.precision.simulate import simulated
from archc.backends.onnx.program import Program
from archc.diagnostics.diagnostic import RequestError
from archc.measurement.workload import workload
from archc.network import Network
from archc.runtime.environment import environment
from archc.runtime.session import open_session
from archc.verification.models import verify_model
from tests.cli.test_build import GOLDENS, TIME
from tests.conftest import Golden
from tests.kernels import standins
from tests.kernels.plan import CUDA, plans
from tests.passes.nets import Array, run
from tests.precision.integers import sqnr
from tests.support.cli import archc_by

# 1100 inputs are no whole number of blocks. `wide` is large, as is `last`, which has no bias; `small` is not.
SPEC = """\
name: classifier
input: [11, 10, 10]
body:
  relu: relu
  flatten: flatten
  wide: linear(1024)
  act: relu
  last: linear(1024, bias=False)
  small: linear(10)
"""


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "classifier.yaml").write_text(SPEC)
    return tmp_path / "classifier.yaml"


def images(count: int) -> Array:
    return np.random.default_rng(0).standard_normal((count, 11, 10, 10), np.float32)


def of(network: Network, **how: object) -> tuple[Program, list[str]]:
    """The program, and which layers have weights of 8 bits."""
    program = build(network.graph, export=Export.of(**how)).program  # pyright: ignore
    return program, [node.layer for node in program.nodes if node.op_type == "MatMulNBits"]


@given(
    outputs=st.integers(1, 4),
    inputs=st.integers(1, 3 * BLOCK),
    size=st.sampled_from([0.0, 1e-30, 1e-6, 1.0, 1e30]),
    dtype=st.sampled_from(["float32", "float16"]),
    seed=st.integers(0, 99),
)
def test_each_weight_is_off_by_half_a_step_of_its_block(
    outputs: int, inputs: int, size: float, dtype: str, seed: int
) -> None:
    weight = np.random.default_rng(seed).standard_normal((outputs, inputs), np.float32) * np.float32(size)
    weight = np.clip(weight, -6e4, 6e4).astype(dtype) if dtype == "float16" else weight
    bits, scales = rounded(weight)
    blocks = -(-inputs // BLOCK)
    assert (bits.shape, bits.dtype) == ((outputs, blocks, BLOCK), np.uint8)
    assert (scales.shape, scales.dtype) == ((outputs, blocks), weight.dtype)
    wide = scales.astype(np.float64)[..., None]
    again = ((bits.astype(np.float64) - 128) * wide).reshape(outputs, -1)
    assert not again[:, inputs:].any(), "what a block is filled up with is 0"
    step = np.broadcast_to(wide, bits.shape).reshape(outputs, -1)[:, :inputs]
    least = 127 * float(np.finfo(dtype).smallest_subnormal)  # where even the scale has no digits
    assert (np.abs(again[:, :inputs] - weight) <= 0.57 * step + least).all()


@pytest.mark.parametrize("profile", ["cpu", "cuda-fp32", "cuda-fp16", "cuda-bf16"])
def test_outputs_stay_as_they_are_up_to_rounding(spec: Path, profile: str) -> None:
    network = archc.compile(str(spec))
    plain, _ = of(network, profile_name="cpu")
    program, layers = of(network, profile_name=profile, int8_classifier=True)
    assert layers == ["wide", "last"]
    feeds = {"x": images(32)}
    (exact,), (found,) = run(plain, feeds).values(), run(simulated(program), feeds).values()
    assert 35 < sqnr(exact, found) < 60, "it is rounded, and little is lost"


@pytest.mark.parametrize("profile", ["cpu", "cuda-fp16"])
def test_its_costs_are_known_although_onnx_knows_nothing_of_the_operator(spec: Path, profile: str) -> None:
    network = archc.compile(str(spec))
    network.onnx("net.onnx", profile=profile, int8_classifier=True)
    found = workload(Path("net.onnx"), {"x": (3, 11, 10, 10)})
    assert not found.unknown
    assert found.macs == 3 * (1100 * 1024 + 1024 * 1024 + 1024 * 10)
    spec.write_text(SPEC.replace("  small: linear(10)\n", ""))
    archc.compile(str(spec)).onnx("net.onnx", profile=profile, int8_classifier=True)
    assert not workload(Path("net.onnx"), {"x": (3, 11, 10, 10)}).unknown, "nor where it gives the output"


@pytest.mark.skipif(standins.needs() is not None, reason=str(standins.needs()))
@pytest.mark.parametrize("profile", ["cuda-fp32", "cuda-fp16", "cuda-bf16"])
def test_cuda_takes_all_of_it(spec: Path, profile: str) -> None:
    made = build(archc.compile(str(spec)).graph, export=Export.of(profile, int8_classifier=True))
    plan = plans({"net": made.proto()}, CUDA)["net"]
    assert (plan.error, plan.elsewhere, plan.nodes.count("com.microsoft:MatMulNBits")) == ("", (), 2)


@pytest.mark.gpu
@pytest.mark.parametrize("batch", [1, 32])
@pytest.mark.parametrize("profile", ["cuda-fp32", "cuda-fp16", "cuda-bf16"])
def test_on_a_gpu(spec: Path, profile: str, batch: int) -> None:
    if missing := environment().missing():
        pytest.skip("; ".join(missing))
    network = archc.compile(str(spec))
    (exact,) = run(of(network, profile_name="cpu")[0], feeds := {"x": images(batch)}).values()
    network.onnx("net.onnx", profile=profile, int8_classifier=True)
    (found,) = open_session(Path("net.onnx"), device="cuda").run(feeds).values()
    assert sqnr(exact, found) > 35


def test_the_file_is_as_small_as_it_says(spec: Path) -> None:
    network = archc.compile(str(spec))
    before = network.onnx("plain.onnx", profile="cpu").size
    after = network.onnx("small.onnx", profile="cpu", int8_classifier=True)
    (report,) = [one.report for one in after.passes if isinstance(one.report, ClassifierReport)]
    assert report.before == 4 * 1024 * (1100 + 1024)
    assert report.before - report.after == pytest.approx(before - after.size, abs=2000)
    onnx.checker.check_model("small.onnx", full_check=True)


def test_rows_of_a_batch_do_not_touch_one_another(spec: Path) -> None:
    archc.compile(str(spec)).onnx("net.onnx", profile="cpu", int8_classifier=True)
    session = open_session(Path("net.onnx"))
    x = images(2)
    alone, beside = session.run({"x": x[:1]})["output"], session.run({"x": np.stack([x[0], 1e4 * x[1]])})["output"]
    np.testing.assert_allclose(beside[0], alone[0], atol=2e-2 * np.abs(alone).max())


def test_patterns_leave_layers_as_they_are(spec: Path) -> None:
    network = archc.compile(str(spec))
    assert of(network, profile_name="cpu", int8_classifier=True, keep_fp32=["wide"])[1] == ["last"]
    with pytest.raises(RequestError, match="no layer matches `wid`"):
        of(network, profile_name="cpu", int8_classifier=True, keep_fp32=["wid"])


def test_nothing_large_is_no_mistake() -> None:
    program, layers = of(archc.compile("squeezenet1_1", input=[3, 64, 64]), profile_name="cpu", int8_classifier=True)
    assert not layers
    assert list(program.opsets) == [""]


@pytest.mark.parametrize(("profile", "message"), [("portable", "is for all"), ("cpu-int8", "all weights have 8 bits")])
def test_where_it_can_not_be(profile: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        Export.of(profile, int8_classifier=True, calibrate="random")


def test_verify_knows_what_it_is(spec: Path) -> None:
    """Against itself and against the module, by what integers may cost; and one with a wrong scale is not like it."""
    path = Path("net.onnx")
    archc.compile(str(spec)).onnx(path, profile="cpu", int8_classifier=True)
    rows = verify_model(path).rows
    assert {row.what for row in rows} == {"model, optimised", "module"}
    assert all(row.agrees for row in rows)
    model = onnx.load(path)
    (scale,) = (one for one in model.graph.initializer if one.name == "wide.weight.scale")
    scale.raw_data = (2 * np.frombuffer(scale.raw_data, np.float32)).tobytes()
    onnx.save(model, path)
    wrong = {row.what for row in verify_model(path).rows if not row.agrees}
    assert wrong == {"module"}


def test_what_build_prints(spec: Path, capsys: pytest.CaptureFixture[str], golden: Golden) -> None:
    np.save("x.npy", images(8))
    options = ("--profile", "cpu", "--int8-classifier", "--calibrate", "x.npy", "-v")
    ran = archc_by(capsys)("build", spec.name, "--to", "onnx", *options)
    assert (ran.code, ran.err) == (0, "")
    lines = [line for line in TIME.sub("in 0.0 s", ran.out).splitlines(keepends=True) if "SQNR" not in line]
    golden(GOLDENS / "build_int8_classifier.txt", "".join(lines))
    (told,) = re.findall(r"^  output: SQNR ([\d.]+) dB", ran.out, re.MULTILINE)
    assert 35 < float(told) < 60
