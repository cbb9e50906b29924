"""What was measured, in files that parts of a run can be kept in and put together from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archc.files import write_text
from tests.gpu.correctness import Outcome
from tests.gpu.machine import Machine
from tests.gpu.scope import CORRECTNESS, RUN, SPEED, Job, Scope
from tests.gpu.speed import RIVALS, STOCK

FORMAT = 1


class ResultsError(Exception):
    """Results that can't be read, or are not of one machine."""


@dataclass(frozen=True)
class Results:
    """By job, what it gave; those that failed stand in ``failed``, with why. ``size`` is that of the scope's images."""

    machine: Machine
    date: str
    size: int | None
    found: dict[Job, list[dict[str, Any]]]
    failed: dict[Job, str]

    def has(self, job: Job) -> bool:
        """Whether it was tried."""
        return job in self.found or job in self.failed

    def missing(self, scope: Scope) -> list[Job]:
        """What of it has not been measured."""
        return [job for job in scope.jobs() if job not in self.found]

    def outcomes(self) -> list[Outcome]:
        """Of correctness."""
        return [Outcome(**one) for job, found in self.found.items() if job.kind == CORRECTNESS for one in found]

    def rows(self) -> list[dict[str, Any]]:
        """Of speed."""
        return [one for job, found in self.found.items() if job.kind == SPEED for one in found]

    def problems(self, scope: Scope) -> list[str]:
        """All that is wrong, a line each; none where all is right, and as fast as it is to be."""
        wrong = [f"{job}: {why}" for job, why in self.failed.items()]
        wrong += [f"not right: {one}" for one in self.outcomes() if one.problem is not None]
        runs = [one for job, found in self.found.items() if job.kind == RUN for one in found]
        wrong += [f"archc run, {one['network']}, {one['profile']}: {one['problem']}" for one in runs if one["problem"]]
        for row in self.rows():
            where = f"{row['network']}, batch {row['batch']}"
            lost = {kind: "it is not there" for kind in RIVALS if kind not in row["rivals"]} | row["problems"]
            wrong += [f"{where}: {kind} was not measured: {why}" for kind, why in lost.items()]
            ratio = row["rivals"].get(STOCK, {}).get("ratio")
            if scope.aim is not None and ratio is not None and ratio < scope.aim:
                wrong.append(f"{where}: {ratio:.2f} times as fast as the {STOCK}; {scope.aim:g} is the aim")
        return wrong

    def complete(self, scope: Scope) -> bool:
        """Whether there is a figure for all that the table has."""
        rivals = all(set(row["rivals"]) == set(RIVALS) for row in self.rows())
        return not self.missing(scope) and not self.failed and rivals

    def write(self, path: Path) -> None:
        """As JSON. Raises WriteError."""
        data = {
            "format": FORMAT, "machine": self.machine.to_json(), "date": self.date, "size": self.size,
            "found": [{**_data(job), "results": found} for job, found in self.found.items()],
            "failed": [{**_data(job), "why": why} for job, why in self.failed.items()],
        }  # fmt: skip
        write_text(path, json.dumps(data, indent=1) + "\n")


def read(paths: Sequence[Path]) -> Results:
    """Several files as one; of a job that stands in two, the later counts. Raises ResultsError."""
    parts = [_read(path) for path in paths]
    first = parts[0]
    found: dict[Job, list[dict[str, Any]]] = {}
    failed: dict[Job, str] = {}
    for path, part in zip(paths, parts, strict=True):
        if part.machine != first.machine:
            raise ResultsError(f"{path} is of another machine than {paths[0]}: {part.machine}, not {first.machine}")
        if part.size != first.size:
            raise ResultsError(f"{path} and {paths[0]} are of images of other sizes")
        found.update(part.found)
        failed = {job: why for job, why in failed.items() if job not in part.found} | part.failed
    return Results(first.machine, max(part.date for part in parts), first.size, found, failed)


def _read(path: Path) -> Results:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            raise ResultsError(f"{path} is of format {data['format']}, not {FORMAT}")
        found = {_job(entry): entry["results"] for entry in data["found"]}
        failed = {_job(entry): entry["why"] for entry in data["failed"]}
        return Results(Machine(**data["machine"]), data["date"], data["size"], found, failed)
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise ResultsError(f"{path} holds no results: {e!r}") from e


def _job(entry: Mapping[str, Any]) -> Job:
    return Job(entry["kind"], entry["network"], entry["batch"])


def _data(job: Job) -> dict[str, Any]:
    return {"kind": job.kind, "network": job.network, "batch": job.batch}
