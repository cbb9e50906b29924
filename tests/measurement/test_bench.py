"""``archc bench`` as a user runs it, on a small network. Peaks and memory are given: measuring them takes seconds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archc.cli import run
from archc.display.numbers import duration
from archc.measurement import Timing, rivals
from archc.measurement import bench as benches
from archc.measurement.bench import Bench, Limit, Plan, Row, bench
from archc.measurement.peaks import Peaks
from archc.measurement.plot import draw
from archc.measurement.report import as_json, as_text
from archc.measurement.rivals import Candidate, Case, RivalError
from archc.measurement.roofline import roofline
from archc.measurement.statistics import Interval
from archc.measurement.subject import Subject
from archc.measurement.workload import Kernel, Workload
from archc.runtime.environment import environment
from archc.runtime.session import Settings

GOLDENS = Path(__file__).parent / "goldens"
PEAKS = Peaks({"fp32": 100e9, "int8": 400e9}, 10e9)
TINY = """\
name: tiny
input: [3, 16, 16]
params: {width: 8}
body:
  conv: conv(width, 3, padding=1, bias=False)
  bn: batch_norm
  relu: relu
head:
  pool: global_avg_pool
  flatten: flatten
  fc: linear(10)
"""

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def archc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """``archc("bench", "tiny.yaml")`` → exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(benches, "measure_peaks", lambda *_: PEAKS)
    monkeypatch.setattr(benches, "memory_of_run", lambda *_: 2**20)  # a process each; measured in test_binding.py
    (tmp_path / "tiny.yaml").write_text(TINY)

    def call(*args: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run([str(a) for a in args])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


def measured(archc: Call, *args: str | Path) -> dict[str, Any]:
    code, out, err = archc("bench", *args, "--rounds", "2", "--threads", "1", "--format", "json")
    assert code == 0, err
    return json.loads(out)


def test_a_spec_by_batch_size(archc: Call) -> None:
    found = measured(archc, "tiny.yaml", "--batch", "1,3")
    assert [row["batch"] for row in found["rows"]] == [1, 3]
    for row, limit in zip(found["rows"], found["limits"], strict=True):
        assert row["runner"] == "archc"
        assert 0 < row["p50"] <= row["p95"] <= row["p99"]
        assert row["images_per_second"] == pytest.approx(row["batch"] / row["p50"])
        assert row["share_of_limit"] == pytest.approx(limit["seconds"] / row["p50"])
        assert row["memory"] == 2**20
        assert len(row["rounds"]) == 2
    assert [limit["macs"] for limit in found["limits"]] == [n * (8 * 256 * 27 + 80) for n in (1, 3)]
    assert found["threads"] == 1


def test_what_the_network_is_can_be_changed(archc: Call) -> None:
    found = measured(archc, "tiny.yaml", "--set", "width=16", "--input", "3x8x8")
    assert found["inputs"] == {"x": [3, 8, 8]}
    assert found["limits"][0]["macs"] == 16 * 64 * 27 + 160


def test_a_model_is_measured_as_it_is(archc: Call) -> None:
    archc("build", "tiny.yaml", "--to", "onnx")
    assert measured(archc, "generated/tiny.onnx")["name"] == "tiny.onnx"
    shutil.copy("generated/tiny.onnx", "LOUD.ONNX")
    assert measured(archc, "LOUD.ONNX")["name"] == "LOUD.ONNX"
    code, _, err = archc("bench", "generated/tiny.onnx", "--set", "width=4")
    assert (code, "generated/tiny.onnx is a model" in err) == (2, True)


def test_the_table_says_how_fast_and_how_near_the_limit(archc: Call) -> None:
    code, out, _ = archc("bench", "tiny.yaml", "--rounds", "2", "--threads", "1")
    assert code == 0
    for words in ("tiny · input x 3 × 16 × 16", "images/s", "of limit", "measured peak: fp32 100.0 GFLOP/s"):
        assert words in out


def test_int8_is_calibrated_on_something_and_the_limit_is_its_own(archc: Call) -> None:
    found = measured(archc, "tiny.yaml", "--profile", "cpu-int8", "--against", "torch")
    assert list(found["peaks"]["flops_per_second"]) == ["fp32", "int8"]
    (ours, torch) = found["rows"]
    assert ours["share_of_limit"] > 0
    assert torch["runner"].endswith(", fp32") and torch["share_of_limit"] is None


def test_passes_are_chosen_as_for_a_build(archc: Call) -> None:
    folded = measured(archc, "tiny.yaml")["limits"][0]
    whole = measured(archc, "tiny.yaml", "--no-pass", "fold-batch-norm")["limits"][0]
    assert (whole["macs"], whole["flops"] > folded["flops"]) == (folded["macs"], True)


def test_settings_that_were_tuned_are_used(archc: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    from archc.runtime.profile import new_profile, write_profile

    archc("build", "tiny.yaml", "--to", "onnx")
    model = Path("generated/tiny.onnx")
    write_profile(model, new_profile(model, "cpu", Settings(intra_op_threads=1, mem_pattern=False)))
    seen: list[Settings] = []
    original = benches.open_session

    def spy(*args: Any, **named: Any) -> Any:
        seen.append(named.get("settings"))
        return original(*args, **named)

    monkeypatch.setattr(benches, "open_session", spy)
    code, _, err = archc("bench", model, "--rounds", "1")
    assert code == 0
    assert all(settings is None or not settings.mem_pattern for settings in seen)
    assert err == "note: generated/tiny.profile.json is used: intra_op_threads 1, mem_pattern off\n"
    with model.open("ab") as file:
        file.write(b"\x12\x00")  # another name of the producer: another file, and the same model
    code, _, err = archc("bench", model, "--rounds", "1")
    assert code == 0 and err.startswith("note: generated/tiny.profile.json is not used: the model has changed")


@pytest.mark.parametrize(
    ("rival", "names"),
    [
        ("torch", {"torch", "torch, channels_last"}),
        ("openvino", {"openvino"}),
        (
            "torch-export",
            {"torch.onnx.export(dynamo=True) + onnxslim", "torch.onnx.export(dynamo=False) + onnxslim"},
        ),
    ],
)
def test_rivals_compute_the_same_and_are_timed_in_turn(archc: Call, rival: str, names: set[str]) -> None:
    pytest.importorskip("openvino" if rival == "openvino" else "onnxslim")
    found = measured(archc, "tiny.yaml", "--against", rival, "--batch", "2")
    first, *others = found["rows"]
    assert first["runner"] == "archc" and first["ratio"] is None
    assert {row["runner"] for row in others} <= names
    for row in others:  # two rounds bound nothing
        assert row["ratio"] == {"median": row["ratio"]["median"], "low": None, "high": None}
    assert [row["kind"] for row in others] == list(dict.fromkeys(row["kind"] for row in others))


@pytest.mark.slow
def test_torch_compile_is_a_rival(archc: Call) -> None:
    found = measured(archc, "tiny.yaml", "--against", "torch-compile")
    assert [row["runner"] for row in found["rows"]] == ["archc", "torch.compile"]


def test_the_weights_of_a_rival_are_those_of_the_file(archc: Call, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    import archc as package

    save_file(package.compile("tiny.yaml").module().state_dict(), tmp_path / "w.safetensors")
    found = measured(archc, "tiny.yaml", "--weights", "w.safetensors", "--against", "torch")
    assert len(found["rows"]) == 2
    archc("build", "tiny.yaml", "--to", "onnx", "--weights", "w.safetensors")
    code, _, err = archc("bench", "generated/tiny.onnx", "--against", "torch")
    assert code == 2
    assert "torch can't run tiny.onnx: it holds its weights only as they were folded" in err
    found = measured(archc, "generated/tiny.onnx", "--weights", "w.safetensors", "--against", "torch")
    assert len(found["rows"]) == 2


def test_a_model_of_random_weights_has_all_that_torch_needs(archc: Call) -> None:
    archc("build", "tiny.yaml", "--to", "onnx", "--seed", "3")
    assert len(measured(archc, "generated/tiny.onnx", "--against", "torch")["rows"]) == 2


def test_a_rival_that_computes_something_else_is_an_error(archc: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(name: str, case: Case) -> list[Candidate]:
        return [
            Candidate("fast", "fast", "fp32", lambda: None, lambda: {case.outputs[0]: np.zeros((1, 10), np.float32)})
        ]

    monkeypatch.setattr(rivals, "candidates", wrong)
    code, out, _ = archc("bench", "tiny.yaml", "--against", "torch", "--rounds", "1")
    assert code == 1
    assert "error: batch 1: fast: computes something else: outputs differ by 1.0e+00" in out
    assert "images/s" in out  # what was measured is shown all the same


def test_a_rival_that_fails_is_an_error_and_the_others_are_shown(archc: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(name: str, case: Case) -> list[Candidate]:
        raise RivalError("the export failed: no such op")

    monkeypatch.setattr(rivals, "candidates", fails)
    code, out, _ = archc("bench", "tiny.yaml", "--against", "torch", "--rounds", "1", "--format", "json")
    assert code == 1
    first, second = json.loads(out)["rows"]
    assert first["runner"] == "archc"
    assert second == {"batch": 1, "runner": "torch", "kind": "torch", "error": "the export failed: no such op"}


def test_a_library_that_is_missing_is_named_before_anything_runs(archc: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rivals, "find_spec", lambda name: None)
    code, out, err = archc("bench", "tiny.yaml", "--against", "openvino")
    assert (code, out) == (2, "")
    assert "--against openvino needs openvino, which is not installed" in err
    assert "pip install openvino" in err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--batch", "1,x"], "no list of batch sizes"),
        (["--batch", "0"], "no list of batch sizes"),
        (["--plot", "roof.pdf"], "neither .png nor .svg"),
        (["--against", "tensorflow"], "Invalid value for '--against'"),
    ],
)
def test_what_can_not_be_asked_for(archc: Call, args: list[str], message: str) -> None:
    code, out, err = archc("bench", "tiny.yaml", *args)
    assert (code, out) == (2, "")
    assert message in err


@pytest.mark.skipif(not environment().missing(), reason="CUDA works here")
def test_cuda_is_cuda_or_an_error(archc: Call) -> None:
    code, out, err = archc("bench", "tiny.yaml", "--device", "cuda")
    assert (code, out) == (3, "")
    assert "CUDA can't be used here" in err


@pytest.mark.gpu
@pytest.mark.skipif(bool(environment().missing()), reason="no CUDA device")
def test_on_cuda_it_runs_with_a_graph_and_without(archc: Call) -> None:
    found = measured(archc, "tiny.yaml", "--device", "cuda", "--batch", "1,8")
    assert [row["runner"] for row in found["rows"]] == ["archc", "archc, CUDA graph"] * 2


def test_of_a_network_without_products_the_copy_is_the_peak() -> None:
    text = as_text(replace(example(), rounds=1, peaks=Peaks({}, 1e10)))
    assert "measured peak: copy " in text and " 1 round, each" in text


def example() -> Bench:
    """With figures that say nothing of any machine."""
    steady = Timing((0.010, 0.012, 0.011), (0.010, 0.012, 0.011), (0.010, 0.012, 0.011), 11, True)
    slower = replace(steady, calls=(0.022, 0.020, 0.023), rounds=(0.022, 0.020, 0.023), steady=False)
    kernels = (
        Kernel("stem", ("Conv", "Relu"), 100_000_000, 200_400_000, 1_000_000, "fp32"),
        Kernel("body", ("Conv",), 100_000_000, 200_000_000, 60_000_000, "fp32"),
        Kernel("pool", ("MaxPool",), 0, 400_000, 5_000_000, None),
    )
    work = Workload(kernels, 9_000_000, ("resize",))
    limits = (Limit(1, work, roofline(work, PEAKS)),)
    rows = (
        Row(1, "archc", "archc", steady, "fp32", 50_000_000, limits[0].time.kernels / 0.011),
        Row(1, "torch, channels_last", "torch", slower, "fp32", None, 0.4, Interval(2.0, 1.9, 2.1)),
        Row(1, "openvino", "openvino", error="OpenVINO does not take the model: no Resize"),
    )
    return Bench(
        "example", "cpu", "a processor, 4 cores", 2, "1.31.1", {"x": (1, 3, 8, 8)}, 30, PEAKS, limits, rows
    )  # fmt: skip


def test_what_people_read(golden: Callable[[Path, str], None]) -> None:
    golden(GOLDENS / "bench.txt", as_text(example()))


def test_what_programs_read(golden: Callable[[Path, str], None]) -> None:
    golden(GOLDENS / "bench.json", as_json(example()))
    assert example().failed


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1.2345, "1.23 s"),
        (0.0123, "12.3 ms"),
        (0.00999, "9.99 ms"),
        (0.123, "123 ms"),
        (4.2e-5, "42.0 µs"),
        (99, "99.0 s"),
    ],
)
def test_times_have_three_figures(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_the_roofline_is_drawn(tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / f"roof.{suffix}"
    draw(example(), path)
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG" if suffix == "png" else b"<?xml")
    assert len(data) > 10_000
    draw(example(), path)
    assert path.read_bytes() == data  # the same figures are the same file


def test_the_plot_is_written_beside_the_table(archc: Call, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    code, out, _ = archc("bench", "tiny.yaml", "--rounds", "1", "--plot", "roof.svg")
    assert code == 0 and "of limit" in out
    assert (tmp_path / "roof.svg").stat().st_size > 10_000


def test_a_plot_needs_matplotlib(archc: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archc.measurement.plot.find_spec", lambda name: None)
    code, out, err = archc("bench", "tiny.yaml", "--plot", "roof.png")
    assert (code, out) == (2, "")
    assert "pip install 'archc[plot]'" in err


def test_benchmarks_can_call_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benches, "measure_peaks", lambda *_: PEAKS)
    from tests.measurement.models import conv_relu, saved

    subject = Subject("conv", saved(conv_relu(), tmp_path / "conv.onnx"), None, "it is not of a spec")
    found = bench(subject, Plan(batches=(2,), threads=1, rounds=2))
    assert [row.name for row in found.rows] == ["archc"]
    assert not found.failed
