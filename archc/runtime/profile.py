"""The settings that were found best for a model, in ``MODEL.profile.json`` beside it.

An entry holds for one model (by its hash), one machine (by the device's name) and one onnxruntime; one that is of
others says nothing here, and is not used. There is an entry for each device.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import file_digest
from pathlib import Path
from typing import Any, cast

from archc.files import write_text
from archc.runtime.errors import ModelError
from archc.runtime.settings import Settings

FORMAT = 1


class ProfileError(ModelError):
    """A profile can't be read."""


@dataclass(frozen=True)
class Profile:
    """One entry. ``measured`` is what the settings brought, for people: any JSON data."""

    device: str  # cpu or cuda
    device_name: str
    onnxruntime: str
    model_sha256: str
    settings: Settings
    measured: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def to_json(self) -> dict[str, Any]:
        data = {name: getattr(self, name) for name in ("device", "device_name", "onnxruntime", "model_sha256")}
        return {**data, "settings": self.settings.to_json(), "measured": dict(self.measured)}


def profile_path(model: Path) -> Path:
    """``resnet50.profile.json`` beside ``resnet50.onnx``."""
    return model.with_name(f"{model.stem}.profile.json")


def read_profiles(model: Path) -> list[Profile]:
    """All entries beside a model; none where there is no file. Raises ProfileError."""
    path = profile_path(model)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError, RecursionError) as e:
        raise ProfileError(f"{path} can't be read: {e}") from e
    if not isinstance(data, dict) or cast(dict[str, Any], data).get("format") != FORMAT:
        raise ProfileError(f"{path} is no profile of format {FORMAT}")
    try:
        return [_entry(entry) for entry in cast(dict[str, Any], data)["profiles"]]
    except (KeyError, TypeError, AttributeError) as e:
        raise ProfileError(f"{path} is no profile: {e!r}") from e
    except ModelError as e:
        raise ProfileError(f"{path}: {e.message}", e.hint) from e


def write_profile(model: Path, profile: Profile) -> Path:
    """Write an entry beside a model, in place of the one for the same device; gives the file. Raises WriteError.

    Entries that no longer fit the model are left out, and a file that can't be read is replaced.
    """
    try:
        others = [p for p in read_profiles(model) if p.model_sha256 == profile.model_sha256]
    except ProfileError:
        others = []
    key = (profile.device, profile.device_name)
    kept = [p for p in others if (p.device, p.device_name) != key]
    data = {"format": FORMAT, "profiles": [p.to_json() for p in (*kept, profile)]}
    write_text(path := profile_path(model), json.dumps(data, indent=2, ensure_ascii=False) + "\n")
    return path


def new_profile(model: Path, device: str, settings: Settings, measured: Mapping[str, Any] | None = None) -> Profile:
    """An entry for this machine and the installed onnxruntime."""
    from archc.runtime import ort

    name = _name(device, settings.cuda.device_id)
    return Profile(device, name, ort.VERSION, model_hash(model), settings, measured or {})


def unfit(profile: Profile, model: Path) -> str | None:
    """Why an entry does not hold for this model, on this machine and with this onnxruntime; None where it does."""
    from archc.runtime import ort

    here = _name(profile.device, profile.settings.cuda.device_id)
    if profile.device_name != here:
        return f"it is for {profile.device_name}, and this is {here}"
    if profile.onnxruntime != ort.VERSION:
        return f"it is for onnxruntime {profile.onnxruntime}, and {ort.VERSION} is installed"
    if profile.model_sha256 != model_hash(model):
        return "the model has changed since"
    return None


def settings_for(model: Path, device: str) -> tuple[Settings | None, str | None]:
    """The settings beside a model for a device of this machine, and a note where there are some that do not fit."""
    try:
        entries = [p for p in read_profiles(model) if p.device == device]
    except ProfileError as e:
        return None, f"the profile is not used: {e.message}"
    why: str | None = None
    for entry in entries:
        why = unfit(entry, model)
        if why is None:
            return entry.settings, None
    return None, f"{profile_path(model)} is not used: {why}; archc tune writes another" if why else None


def _entry(data: Any) -> Profile:
    texts = {name: data[name] for name in ("device", "device_name", "onnxruntime", "model_sha256")}
    if not all(isinstance(text, str) for text in texts.values()) or not isinstance(data.get("measured", {}), dict):
        raise TypeError("an entry's keys are texts")
    return Profile(**texts, settings=Settings.from_json(data["settings"]), measured=data.get("measured", {}))


def model_hash(model: Path) -> str:
    """SHA-256 of the model's file. Raises OSError."""
    with model.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _name(device: str, device_id: int) -> str:
    from archc.runtime.environment import device_name

    return device_name(device, device_id)
