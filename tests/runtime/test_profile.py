"""``model.profile.json``: used where it fits, and else not, with a note that says why."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import archc
from archc.runtime.profile import (
    Profile,
    new_profile,
    profile_path,
    read_profiles,
    settings_for,
    unfit,
    write_profile,
)  # fmt: skip
from archc.runtime.session import CudaSettings, ProfileWarning, Settings
from tests.runtime.support import channel_means, written

TUNED = Settings(intra_op_threads=1, config={"session.intra_op.allow_spinning": "0"})


@pytest.fixture
def net(tmp_path: Path) -> Path:
    return written(tmp_path, channel_means(), "net.v2.onnx")


def test_it_stands_beside_the_model(net: Path) -> None:
    assert (
        write_profile(net, new_profile(net, "cpu", TUNED)) == profile_path(net) == net.with_name("net.v2.profile.json")
    )


def test_what_is_written_is_read(net: Path) -> None:
    profile = new_profile(net, "cpu", TUNED, {"p50_ms": 1.5})
    write_profile(net, profile)
    assert read_profiles(net) == [profile]
    assert settings_for(net, "cpu") == (TUNED, None)
    assert settings_for(net, "cuda") == (None, None)


def test_a_session_is_opened_with_it(net: Path) -> None:
    write_profile(net, new_profile(net, "cpu", TUNED))
    session = archc.session(net)
    assert session.settings == TUNED
    assert session.raw.get_session_options().get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_without_one_settings_are_onnxruntime_s(net: Path) -> None:
    assert archc.session(net).settings == Settings()


Change = Callable[[Profile], Profile]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda p: replace(p, device_name="Apple M9, 4 cores"), "it is for Apple M9, 4 cores, and this is "),
        (lambda p: replace(p, onnxruntime="1.2.3"), "it is for onnxruntime 1.2.3, and "),
        (lambda p: replace(p, model_sha256="0" * 64), "the model has changed since"),
    ],
)
def test_one_that_does_not_fit_is_not_used_and_it_is_said_why(net: Path, change: Change, why: str) -> None:
    profile = change(new_profile(net, "cpu", TUNED))
    write_profile(net, profile)
    assert (unfit(profile, net) or "").startswith(why)
    with pytest.warns(ProfileWarning, match=f"net.v2.profile.json is not used: {why}"):
        session = archc.session(net)
    assert session.settings == Settings()


def test_of_several_machines_the_one_at_hand_counts(net: Path) -> None:
    here = new_profile(net, "cpu", TUNED)
    other = replace(here, device_name="another CPU", settings=Settings(intra_op_threads=64))
    gpu = replace(here, device="cuda", device_name="a GPU", settings=Settings(cuda=CudaSettings(prefer_nhwc=True)))
    for profile in (other, here, gpu):
        write_profile(net, profile)
    assert read_profiles(net) == [other, here, gpu]
    assert settings_for(net, "cpu") == (TUNED, None)


def test_one_for_the_same_device_is_replaced_and_those_of_another_model_go(net: Path) -> None:
    write_profile(net, replace(new_profile(net, "cuda", TUNED), model_sha256="of the model before"))
    write_profile(net, new_profile(net, "cpu", Settings(intra_op_threads=2)))
    write_profile(net, new_profile(net, "cpu", TUNED))
    assert [(p.device, p.settings) for p in read_profiles(net)] == [("cpu", TUNED)]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("{", "can't be read"),
        ("[" * 100_000, "can't be read"),
        ("[]", "is no profile of format 1"),
        ('{"format": 2}', "is no profile of format 1"),
        ('{"format": 1}', "is no profile"),
        ('{"format": 1, "profiles": [1]}', "is no profile"),
        ({"device": 1}, "is no profile"),
        ({"settings": {"threads": 1}}, "has no 'threads'"),
        ({"settings": {"intra_op_threads": "1"}}, "intra_op_threads can't be '1'"),
    ],
)
def test_a_broken_one_is_said_to_be_and_is_replaced_by_the_next(net: Path, data: Any, said: str) -> None:
    profile = new_profile(net, "cpu", TUNED)
    text = data if isinstance(data, str) else json.dumps({"format": 1, "profiles": [{**profile.to_json(), **data}]})
    profile_path(net).write_text(text)
    settings, note = settings_for(net, "cpu")
    assert settings is None and note is not None and said in note
    write_profile(net, profile)
    assert settings_for(net, "cpu") == (TUNED, None)
