"""The settings that ``archc tune`` found for a model, of which its bundle gets those for its device."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from archc.runtime.devices import CPU, CUDA
from archc.runtime.profile import Profile, ProfileError, model_hash, profile_path, read_profiles
from archc.runtime.settings import Settings

_DEVICES = {CUDA: "gpu", CPU: "cpu"}


@dataclass(frozen=True)
class Tuned:
    """``file`` is the profile, where it is of the model; ``notes`` say where the settings are from, or why not used."""

    device: str | None = None
    settings: Settings | None = None
    file: Path | None = None
    notes: tuple[str, ...] = ()


def of_model(path: Path, device: str | None) -> Tuned:
    """The newest settings for this very model and ``device``; where that is None, for the one that it was tuned on.

    Machine and onnxruntime are not asked for: the server's are seldom those at hand.
    """
    try:
        entries = read_profiles(path)
    except ProfileError as e:
        return Tuned(device, notes=(f"the profile is not used: {e.message}",))
    digest = model_hash(path) if entries else ""
    fitting = [entry for entry in entries if entry.model_sha256 == digest]
    if entries and not fitting:
        return Tuned(device, notes=(f"{profile_path(path)} is not used: the model has changed since",))
    devices = {_DEVICES.get(entry.device) for entry in fitting}
    chosen = device or (devices.pop() if len(devices) == 1 else None)
    mine = [entry for entry in fitting if _DEVICES.get(entry.device) == chosen]
    file = profile_path(path) if fitting else None
    if not mine:
        others = sorted({entry.device for entry in fitting})
        notes = (f"no settings: {file} has those for {' and '.join(others)} alone",) if file and chosen else ()
        return Tuned(chosen, None, file, notes)
    return Tuned(chosen, mine[-1].settings, file, (_origin(mine[-1]),))


def _origin(entry: Profile) -> str:
    return f"settings tuned on {entry.device_name} with onnxruntime {entry.onnxruntime}"
