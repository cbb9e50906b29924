"""Settings that were tuned for a model go with it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import archc
from archc.bundling.bundle import Bundled, Request, bundle
from archc.runtime.profile import Profile, new_profile, profile_path, write_profile
from archc.runtime.settings import CudaSettings, Settings
from tests.bundling import models, schema

CPU, CUDA = Settings(intra_op_threads=1), Settings(cuda=CudaSettings(prefer_nhwc=True))


@pytest.fixture
def net(tmp_path: Path) -> Path:
    return models.classifier(tmp_path / "net.onnx")


def tune(net: Path, device: str, settings: Settings, name: str = "a machine") -> None:
    """As on another machine."""
    digest = new_profile(net, "cpu", settings).model_sha256
    write_profile(net, Profile(device, name, "1.30.0", digest, settings))


def bundled(net: Path, device: str | None = None) -> tuple[Bundled, Any]:
    (one,) = bundle([net], net.parent / "repository", Request(device=device), force=True)
    return one, schema.read(one.folder / "config.pbtxt")


def test_of_two_devices_the_one_asked_for(net: Path) -> None:
    tune(net, "cpu", CPU)
    tune(net, "cuda", CUDA, "a card")
    one, found = bundled(net, "cpu")
    assert found.parameters["intra_op_thread_count"].string_value == "1"
    assert not found.HasField("optimization")
    assert one.notes == ("settings tuned on a machine with onnxruntime 1.30.0",)
    one, found = bundled(net, "gpu")
    (accelerator,) = found.optimization.execution_accelerators.gpu_execution_accelerator
    assert dict(accelerator.parameters) == {"prefer_nhwc": "1"} and not found.parameters
    assert one.notes == ("settings tuned on a card with onnxruntime 1.30.0",)
    one, found = bundled(net)
    assert schema.kind(found.instance_group[0].kind) == "KIND_AUTO"
    assert not found.parameters and not one.notes


def test_without_a_device_the_one_that_it_was_tuned_on(net: Path) -> None:
    tune(net, "cuda", CUDA)
    one, found = bundled(net)
    assert one.device == "gpu" and schema.kind(found.instance_group[0].kind) == "KIND_GPU"


def test_the_newest_of_several_machines(net: Path) -> None:
    tune(net, "cpu", Settings(intra_op_threads=3), "old")
    tune(net, "cpu", CPU, "new")
    assert bundled(net)[0].notes == ("settings tuned on new with onnxruntime 1.30.0",)


def test_the_profile_goes_with_the_model_and_is_used_there(net: Path) -> None:
    write_profile(net, new_profile(net, "cpu", CPU))
    one, _ = bundled(net)
    assert archc.session(one.folder / "1" / "model.onnx").settings == CPU


@pytest.mark.parametrize(
    ("text", "note"), [("{", "the profile is not used: .* can't be read"), (None, "is not used: the model has changed")]
)
def test_a_profile_that_is_damaged_or_of_another_model(net: Path, text: str | None, note: str) -> None:
    tune(net, "cpu", CPU)
    if text is None:
        models.classifier(net, seed=1)
    else:
        profile_path(net).write_text(text)
    one, found = bundled(net, "cpu")
    assert not found.parameters
    (told,) = one.notes
    assert re.search(note, told)
    assert not (one.folder / "1" / "model.profile.json").exists()
