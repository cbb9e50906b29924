"""ONNX as it is deployed on a CPU: archc's files beside torch's exports, and OpenVINO beside both, batch 1."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnxruntime
import openvino
import pytest
from safetensors.torch import save_file

import archc
from archc.measurement import Comparison, compare
from tests.benchmarks.measure import Report, interleave, process
from tests.support.vision import import_torchvision

ROOT = Path(__file__).parents[2]
THREADS = 2
ROUNDS = 30
NOISE = 0.03  # by how much a ratio may miss what is wanted of "never slower"


@dataclass(frozen=True)
class Wanted:
    """Of one network: how much faster fp32 is than torch's best export, and int8 than fp32."""

    name: str
    int8: float
    fp32: float = 1 - NOISE


NETWORKS = [
    Wanted("resnet50", 2.4),
    Wanted("googlenet", 2.0),
    Wanted("inception_v3", 1.8),
    Wanted("densenet121", 1.8, fp32=1.05),
    Wanted("vgg16", 2.4),
    Wanted("mobilenet_v2", 1.5),
]


@pytest.fixture
def weights(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The weights of torchvision's network of that name, random."""
    path = tmp_path / "weights.safetensors"
    with warnings.catch_warnings(action="ignore", category=FutureWarning):  # on how GoogLeNet and Inception start
        save_file(getattr(import_torchvision().models, request.param)().state_dict(), path)
    return path


def exported(name: str, weights: Path, out: Path, *flags: str) -> Path:
    out.parent.mkdir(exist_ok=True)
    process("-m", "tests.benchmarks.rivals.export_torch", name, weights, out, *flags, cwd=ROOT)()
    return out


def runtime(path: Path, image: Any) -> Callable[[], object]:
    """One image through onnxruntime: default options, so many threads, which sleep when there is nothing to do.

    By default they go on asking for work, which is no harm to a model that has the machine to itself; here they would
    take it from the next one's.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: image})


def openvino_of(path: Path, image: Any) -> Callable[[], object]:
    """One image through OpenVINO, tuned by it for latency."""
    core = openvino.Core()
    hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": THREADS, "INFERENCE_PRECISION_HINT": "f32"}
    request = core.compile_model(core.read_model(path), "CPU", hints).create_infer_request()
    return lambda: request.infer([image])


def add(report: Report, found: Comparison, what: str, ours: str, theirs: str, wanted: str) -> float:
    """A row; gives how many times faster ours is."""
    ratio = found.ratio(theirs, ours)
    report.add(
        what,
        f"{found[ours].median * 1e3:.1f} ms",
        f"{found[theirs].median * 1e3:.1f} ms, {theirs}",
        f"{ratio.median:.2f}× ({ratio.low:.2f} to {ratio.high:.2f})",
        wanted,
    )
    return ratio.median


@pytest.mark.parametrize(("weights", "wanted"), [(w.name, w) for w in NETWORKS], indirect=["weights"], ids=str)
def test_latency_on_a_cpu(report: Report, weights: Path, wanted: Wanted, tmp_path: Path) -> None:
    network = archc.compile(wanted.name)
    shape = next(iter(network.graph.inputs.values())).shape.dims
    images = np.random.default_rng(0).standard_normal((8, *shape)).astype(np.float32)
    np.save(tmp_path / "images.npy", images)
    image = images[:1]
    loaded = network.load_weights(weights)
    fp32, int8 = tmp_path / "fp32.onnx", tmp_path / "int8.onnx"
    loaded.onnx(fp32, profile="cpu")
    loaded.onnx(int8, profile="cpu-int8", calibrate=tmp_path / "images.npy")
    flags: dict[str, Sequence[str]] = {"torch export": ["slim"], "torchscript export": ["torchscript", "slim"]}
    exports = {rival: exported(wanted.name, weights, tmp_path / rival / "net.onnx", *f) for rival, f in flags.items()}
    runners = {
        "fp32": runtime(fp32, image),
        "int8": runtime(int8, image),
        **{rival: runtime(path, image) for rival, path in exports.items()},
        "OpenVINO": openvino_of(fp32, image),
        "OpenVINO int8": openvino_of(int8, image),
    }
    found = compare(runners, rounds=ROUNDS)
    best = min(exports, key=lambda name: found[name].median)
    faster = add(report, found, f"{wanted.name} fp32", "fp32", best, f"≥ {wanted.fp32:.2f}×")
    smaller = add(report, found, f"{wanted.name} int8", "int8", "fp32", f"≥ {wanted.int8:.1f}×")
    add(report, found, f"{wanted.name} fp32", "fp32", "OpenVINO", "")
    add(report, found, f"{wanted.name} int8", "int8", "OpenVINO int8", "")
    assert faster >= wanted.fp32
    assert smaller >= wanted.int8


@pytest.mark.parametrize(("name", "batch"), [("alexnet", 1), ("alexnet", 8), ("vgg16", 1)])
def test_classifiers_read_weights_of_8_bits_faster(report: Report, name: str, batch: int, tmp_path: Path) -> None:
    network = archc.compile(name)
    image = np.random.default_rng(0).standard_normal((batch, 3, 224, 224)).astype(np.float32)
    plain, small = tmp_path / "plain.onnx", tmp_path / "small.onnx"
    network.onnx(plain, profile="cpu")
    network.onnx(small, profile="cpu", int8_classifier=True)
    found = compare({"fp32": runtime(plain, image), "8-bit classifier": runtime(small, image)}, rounds=ROUNDS)
    what = f"{name} fp32, 8-bit classifier, batch {batch}"
    assert add(report, found, what, "8-bit classifier", "fp32", "≥ 1×") >= 1 - NOISE


@pytest.mark.parametrize("weights", ["vgg16"], indirect=True)
def test_a_session_of_vgg16_starts_twice_as_fast(report: Report, weights: Path, tmp_path: Path) -> None:
    """The weights lie beside the model, and are mapped; torch's are in it, where they must be read and copied."""
    ours = tmp_path / "ours.onnx"
    archc.compile("vgg16").load_weights(weights).onnx(ours, profile="cpu")
    theirs = exported("vgg16", weights, tmp_path / "theirs" / "net.onnx", "inline")
    image = np.zeros((1, 3, 224, 224), np.float32)
    first, second = interleave(lambda: runtime(ours, image), lambda: runtime(theirs, image), rounds=5)
    ratio = median(second) / median(first)
    report.add(
        "start a session of vgg16", f"{median(first):.2f} s", f"{median(second):.2f} s, torch, inline",
        f"{ratio:.1f}×", "≥ 2×",
    )  # fmt: skip
    assert ratio >= 2


@pytest.mark.parametrize(
    ("weights", "name"),
    [(n, n) for n in ("resnet50", "googlenet", "densenet201", "mobilenet_v2")],
    indirect=["weights"],
)
def test_emitting_is_ten_times_faster_than_torch(report: Report, weights: Path, name: str, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    build = ("-m", "archc", "build", name, "--to", "onnx", "--weights", weights, "--out", tmp_path / "ours")
    ours, theirs = interleave(
        process(*build, cwd=ROOT),
        process("-m", "tests.benchmarks.rivals.export_torch", name, weights, tmp_path / "theirs/net.onnx", cwd=ROOT),
        rounds=3,
    )
    ratio = median(theirs) / median(ours)
    report.add(
        f"build {name} --to onnx", f"{median(ours):.2f} s", f"{median(theirs):.2f} s, torch.onnx.export",
        f"{ratio:.1f}×", "≥ 10×",
    )  # fmt: skip
    assert ratio >= 10
