"""A model, tuned: the search on this machine, and its result as a profile and as text."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archc.display.numbers import duration
from archc.display.tables import aligned
from archc.measurement.agreement import SAME_MODEL
from archc.measurement.report import ratio_data, ratio_text
from archc.measurement.tuning.options import options_for, start
from archc.measurement.tuning.search import CONFIDENCE, GAIN, ROUNDS, Progress, Search, Trial, Tuned, opener
from archc.runtime.cores import cores
from archc.runtime.devices import CPU, CUDA
from archc.runtime.profile import Profile, new_profile
from archc.runtime.session import Settings
from archc.runtime.sizes import Sizes

_HEAD, _ALIGN = ("option", "value", "p50", f"time / best so far ({CONFIDENCE:.0%})", ""), "<<><<"
TF32_TOLERANCE = 1e-2  # 10 bits of mantissa, as fp16 has


@dataclass(frozen=True)
class Request:
    """What is asked for. ``threads`` fixes their number."""

    model: Path
    device: str = CPU
    batch: int = 1
    sizes: Sizes = field(default_factory=dict[str | None, list[int]])
    threads: int | None = None
    allow_tf32: bool = False
    rounds: int = ROUNDS


def tune(request: Request, progress: Progress = lambda _: None) -> Tuned:
    """Search the best settings. Nothing is written. Raises DeviceError and ModelError."""
    open, precision = opener(request.model, request.device, request.batch, request.sizes)
    allowed = SAME_MODEL[precision]
    if request.allow_tf32 and request.device == CUDA:
        allowed = max(allowed, TF32_TOLERANCE)
    options = options_for(
        request.device, cores(), threads=request.threads, allow_tf32=request.allow_tf32, precision=precision
    )
    begin = start(request.device, threads=request.threads, allow_tf32=request.allow_tf32)
    return Search(open, allowed, rounds=request.rounds, progress=progress).run(begin, options)


def profile_of(request: Request, tuned: Tuned) -> Profile:
    """The entry for the file beside the model."""
    measured: dict[str, Any] = {
        "batch": request.batch,
        "rounds": request.rounds,
        "default_seconds": tuned.default_seconds,
        "seconds": tuned.seconds,
        "ratio": ratio_data(tuned.ratio),
        "tried": [_trial_data(trial) for trial in tuned.trials],
    }
    return new_profile(request.model, request.device, tuned.settings, measured)


def as_text(request: Request, profile: Profile, tuned: Tuned, written: Path) -> str:
    """What was tried and what it brought."""
    where = f"{profile.device} · {profile.device_name} · onnxruntime {profile.onnxruntime} · batch {request.batch}"
    rule = (
        f"kept: faster by more than {GAIN:.0%} with {CONFIDENCE:.0%} confidence, over {request.rounds} rounds in turn"
    )
    lines = [f"{request.model} · {where}", "", *aligned([_HEAD, *map(_cells, tuned.trials)], _ALIGN), "", rule]
    if tuned.ratio is None:
        lines.append(f"nothing is faster than what it began with: {duration(tuned.default_seconds)}")
    else:
        speed = ratio_text(tuned.ratio.inverse)
        lines.append(f"{duration(tuned.default_seconds)} → {duration(tuned.seconds)}: {speed} times as fast")
    if request.device == CUDA and not request.allow_tf32:
        lines.append("TF32 is off; --allow-tf32 tries it")
    lines.append(f"{written} written: {settings_text(tuned.settings)}")
    return "\n".join(lines) + "\n"


def as_json(profile: Profile, written: Path) -> str:
    """The profile's entry, and where it is."""
    return json.dumps({"path": str(written), **profile.to_json()}, indent=2, ensure_ascii=False) + "\n"


def settings_text(settings: Settings) -> str:
    """What differs from onnxruntime's own options."""
    data, plain = _flat(settings), _flat(Settings())
    changed = {name: value for name, value in data.items() if value != plain.get(name)}
    return ", ".join(f"{name} {_value(value)}" for name, value in changed.items()) or "the default settings"


def _flat(settings: Settings) -> dict[str, Any]:
    data = settings.to_json()
    within = data.pop("cuda") | data.pop("config")
    return data | within


def _cells(trial: Trial) -> tuple[str, ...]:
    if trial.seconds is None or trial.ratio is None:
        return trial.option, trial.value, "·", trial.problem or "", ""
    return trial.option, trial.value, duration(trial.seconds), ratio_text(trial.ratio), "kept" if trial.kept else ""


def _trial_data(trial: Trial) -> dict[str, Any]:
    data = {"option": trial.option, "value": trial.value}
    if trial.problem is not None:
        return {**data, "problem": trial.problem}
    return {**data, "seconds": trial.seconds, "ratio": ratio_data(trial.ratio), "kept": trial.kept}


def _value(value: Any) -> str:
    return {True: "on", False: "off"}.get(value, str(value)) if isinstance(value, bool) else str(value)
