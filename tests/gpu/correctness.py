"""Whether a network gives on the device, in every profile, what its module gives on the CPU: ``archc verify``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from archc.backends.onnx.profiles import PROFILES
from archc.verification.result import Row
from archc.verification.verify import verify
from tests.gpu.scope import Job, Scope, compiled

ONNX = "onnx "  # what verification calls models by: this, and the profile


@dataclass(frozen=True)
class Outcome:
    """One profile at one batch. ``numbers`` are those that are computed in; ``error`` is max |a − b| / max |b|.

    ``allowed`` is what ``archc verify`` allows; ``problem`` says what is wrong, if anything is.
    """

    network: str
    profile: str
    numbers: str
    batch: int
    error: float | None
    allowed: str
    problem: str | None = None

    def __str__(self) -> str:
        return f"{self.network}, {self.profile} in {self.numbers}, batch {self.batch}: {self.problem or 'right'}"


def outcomes(job: Job, scope: Scope) -> list[dict[str, Any]]:
    """Of one network in all profiles, as JSON data."""
    found = verify(compiled(job.network, scope.size), profiles=scope.profiles, device=scope.device)
    compared = [_outcome(job.network, row) for row in found.rows if row.what.startswith(ONNX)]
    why = "; ".join(found.notes) or "it is for another device"
    lost = [profile for profile in scope.profiles if profile not in {one.profile for one in compared}]
    return [asdict(one) for one in (*compared, *(_lost(job.network, profile, why) for profile in lost))]


def _lost(network: str, profile: str, why: str) -> Outcome:
    return Outcome(network, profile, PROFILES[profile].precision, 0, None, "·", f"not compared: {why}")


def _outcome(network: str, row: Row) -> Outcome:
    error = row.measured.error if row.measured else None
    known = error if error is not None and isfinite(error) else None
    profile, tolerance = row.what.removeprefix(ONNX), row.tolerance
    return Outcome(network, profile, tolerance.precision, row.batch, known, str(tolerance), _problem(row))


def _problem(row: Row) -> str | None:
    if row.agrees:
        return None
    if row.measured is None:
        return row.problem
    at = f", first in `{row.blamed.layer}`, {row.blamed.op}" if row.blamed else ""
    return f"differs by {row.measured.error:.1e}, where {row.tolerance} is allowed{at}"
