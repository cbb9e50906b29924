"""``archc build --profile cuda-fp16|cuda-bf16``: what it prints, and what it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from safetensors.numpy import load_file, save_file

from archc.backends.onnx.wire import TYPES
from tests.cli.conftest import Archc
from tests.cli.test_build import GOLDENS, TIME, weights
from tests.conftest import Golden

OTHERS = re.compile(r"^pass (?!fp16|bf16).*\n(  .*\n)*", re.MULTILINE)  # passes of the profile
SMALL = """\
name: small
input: [3, 16, 16]
body:
  conv: conv(8, 3, padding=1)
  act: relu6
  pool: max_pool(3, stride=2, padding=1)
  norm: group_norm(2)
head:
  mean: global_avg_pool
  flatten: flatten
  fc: linear(10)
  prob: softmax(1)
"""


@pytest.fixture
def spec(folder: Path) -> str:
    (folder / "small.yaml").write_text(SMALL)
    return "small.yaml"


def types(path: str) -> tuple[int, int]:
    graph = onnx.load(path).graph
    return graph.input[0].type.tensor_type.elem_type, graph.output[0].type.tensor_type.elem_type


@pytest.mark.parametrize("profile", ["cuda-fp16", "cuda-bf16"])
def test_what_stays_in_fp32_is_told_with_its_reason(archc: Archc, spec: str, profile: str, golden: Golden) -> None:
    result = archc("build", spec, "--to", "onnx", "--profile", profile, "--keep-fp32", "fc", "-v")
    assert (result.code, result.err) == (0, "")
    golden(GOLDENS / f"build_{profile}.txt", OTHERS.sub("", TIME.sub("in 0.0 s", result.out)))


def test_inputs_and_outputs_are_as_asked(archc: Archc, spec: str) -> None:
    def build(*io: str) -> tuple[int, int]:
        assert archc("build", spec, "--to", "onnx", "--profile", "cuda-fp16", *io).code == 0
        return types("generated/small.onnx")

    assert build() == (TYPES["float32"], TYPES["float32"])
    assert build("--io", "fp16") == (TYPES["float16"], TYPES["float16"])
    assert build("--io", "bf16,fp32") == (TYPES["bfloat16"], TYPES["float32"])


def test_half_the_bytes(archc: Archc, folder: Path) -> None:
    sizes: list[int] = []
    for profile in ("cuda-fp32", "cuda-fp16"):
        assert archc("build", "tiny.yaml:small", "--to", "onnx", "--set", "width=64", "--profile", profile).code == 0
        sizes.append(Path("generated/small.onnx").stat().st_size)
    assert 1.8 < sizes[0] / sizes[1] < 2.1


def test_weights_that_do_not_fit_are_told(archc: Archc, folder: Path) -> None:
    file = weights(folder / "w.safetensors")
    tensors = load_file(file)
    tensors["fc.weight"][3, 5] = 1e6
    save_file(tensors, file)
    result = archc("build", "tiny.yaml:small", "--to", "onnx", "--weights", file, "--profile", "cuda-fp16")
    assert result.code == 0
    assert "fc stays in fp32, since `fc.weight` holds 1e+06, which is too large for fp16\n" in result.out
    result = archc("build", "tiny.yaml:small", "--to", "onnx", "--weights", file, "--profile", "cuda-bf16")
    assert "too large" not in result.out


@pytest.mark.parametrize("profile", ["cuda-fp16", "cuda-bf16"])
def test_what_it_costs_on_samples(archc: Archc, spec: str, profile: str) -> None:
    np.save("x.npy", np.random.default_rng(0).standard_normal((4, 3, 16, 16)).astype(np.float32))
    result = archc("build", spec, "--to", "onnx", "--profile", profile, "--calibrate", "x.npy")
    assert (result.code, result.err) == (0, "")
    heading, output, head, *layers = result.out.splitlines()[1:9]
    kind = profile.removeprefix("cuda-")
    assert re.fullmatch(
        rf"{kind}, simulated, against fp32 on 4 samples of x.npy: \d+ nodes in {kind}, \d in fp32", heading
    )
    sqnr = re.fullmatch(r"  output: SQNR (\d+\.\d) dB, top-1 the same in 100.0%", output)
    assert sqnr and float(sqnr[1]) > {"fp16": 50, "bf16": 32}[kind]
    assert head.split() == ["layers", "that", "lose", "most", "alone", "in", "all"]
    alone = [float(line.split()[2]) for line in layers]
    assert len(alone) == 5 and alone == sorted(alone)


@pytest.mark.parametrize(("arguments", "message"), [
    (("--io", "fp64"), "--io: there is no type `fp64`"),
    (("--keep-fp32", "fd"), "--keep-fp32: no layer matches `fd`"),
    (("--keep-fp32", "fc", "--profile", "cuda-fp32"), "--keep-fp32: the profile `cuda-fp32` is in fp32 altogether"),
    (("--calibrate", "x.npy", "--profile", "cuda-fp32"), "--calibrate: nothing is rounded in the profile `cuda-fp32`"),
    (("--calibrate", "random", "--calibrate-method", "entropy"), "--calibrate-method and --reduce-range speak of int8"),
])  # fmt: skip
def test_what_is_refused(archc: Archc, spec: str, arguments: tuple[str, ...], message: str) -> None:
    result = archc("build", spec, "--to", "onnx", "--profile", "cuda-fp16", *arguments)
    assert result.code == 2
    assert message in result.err
    assert not Path("generated/small.onnx").exists()


def test_options_of_onnx_want_onnx(archc: Archc, spec: str) -> None:
    result = archc("build", spec, "--io", "fp32")
    assert (result.code, "--io speaks of --to onnx" in result.err) == (2, True)
