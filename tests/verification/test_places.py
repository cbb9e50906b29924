"""Where models are run, and what is said where one can't be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import archc
from archc.backends.onnx.profiles import PROFILES
from archc.runtime.devices import CPU, CUDA, DeviceError
from archc.runtime.environment import environment
from archc.verification import size
from archc.verification.candidates import Candidate, Place, places
from archc.verification.report import as_text
from archc.verification.result import Measured, Verification
from tests.verification.nets import size_of, written

ON_CPU = {
    "portable": ["cpu"], "cpu": ["cpu"], "cpu-int8": ["cpu"], "cuda-fp32": ["cpu"],
    "cuda-fp16": ["cpu, simulated"], "cuda-bf16": ["cpu, simulated"],
}  # fmt: skip
ON_CUDA = {
    "portable": ["cuda", "cuda, TF32"], "cpu": [], "cpu-int8": [], "cuda-fp32": ["cuda", "cuda, TF32"],
    "cuda-fp16": ["cuda"], "cuda-bf16": ["cuda"],
}  # fmt: skip


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_runs_where_it_can(profile: str) -> None:
    one = PROFILES[profile]
    assert [place.name for place in places(one, (CPU,))] == ON_CPU[profile]
    assert [place.name for place in places(one, (CUDA,))] == ON_CUDA[profile]
    both = [place.name for place in places(one, (CPU, CUDA))]
    simulated = "cpu, simulated" in ON_CPU[profile]
    assert both == ([] if simulated else ON_CPU[profile]) + ON_CUDA[profile], "what CUDA computes is not simulated"


def test_tf32_is_said_to_the_session() -> None:
    found = {place.name: place.settings.cuda.use_tf32 for place in places(PROFILES["cuda-fp32"], (CPU, CUDA))}
    assert found == {"cpu": None, "cuda": False, "cuda, TF32": True}


@pytest.fixture
def no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a device is there, and has no kernel for a node."""

    @contextmanager
    def refused(self: Candidate, program: object = None) -> Iterator[None]:
        raise DeviceError("1 of 9 nodes would not run there")
        yield

    monkeypatch.setattr(Candidate, "session", refused)


@pytest.mark.usefixtures("no_kernel")
def test_what_is_written_for_a_device_must_run_there(tmp_path: Path) -> None:
    (row,) = size_of(written(tmp_path)).onnx_rows(["cpu"], (CPU,), lambda _: None)
    assert not row.agrees
    assert row.problem == "1 of 9 nodes would not run there"


@pytest.mark.usefixtures("no_kernel")
def test_what_is_written_for_any_device_need_not_run_on_this(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archc.verification.candidates.places", lambda *_: [Place("cuda", CUDA, meant=False)])
    found = size_of(written(tmp_path))
    assert list(found.onnx_rows(["portable"], (CUDA,), lambda _: None)) == []
    assert found.notes == [
        "onnx portable on cuda, for which it was not written: 1 of 9 nodes would not run there"
    ]  # fmt: skip


def test_a_network_without_anything_for_integers_has_no_int8(tmp_path: Path) -> None:
    found = size_of(written(tmp_path, "name: small\ninput: [3, 8, 8]\nbody: {pool: max_pool(2)}\n"))
    assert list(found.onnx_rows(["cpu-int8"], (CPU,), lambda _: None)) == []
    assert found.notes == ["no cpu-int8: there is nothing in the network that 8-bit integers could compute"]


def test_where_layers_agree_one_by_one_it_is_in_what_is_fused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = size_of(written(tmp_path))
    monkeypatch.setattr(size, "search", lambda *_: None)
    monkeypatch.setattr(size, "measured", lambda *_: Measured(1.0, 0.0))
    (row,) = found.onnx_rows(["portable"], (CPU,), lambda _: None)
    assert not row.agrees and row.searched and row.blamed is None
    text = as_text(Verification("net", "it", "w", "s", (row,)))
    assert "no layer differs once the results of all are asked for" in text


@pytest.mark.gpu
def test_on_a_gpu(tmp_path: Path) -> None:
    if missing := environment().missing():
        pytest.skip("; ".join(missing))
    found = archc.verify(written(tmp_path))
    assert found.agrees, as_text(found)
    assert {row.device for row in found.rows} == {"cpu", "cuda", "cuda, TF32"}
    path = archc.compile(tmp_path / "small.yaml").onnx(tmp_path / "small.onnx").path
    model = archc.verify(path)
    assert model.agrees, as_text(model)
    assert {row.device for row in model.rows} == {"cpu", "cuda", "cuda, TF32"}
