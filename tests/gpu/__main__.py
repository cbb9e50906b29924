"""``python -m tests.gpu``."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tests.gpu import needs

if TYPE_CHECKING:
    from tests.gpu.results import Results
    from tests.gpu.scope import Job, Scope

ROOT = Path(__file__).parents[2]
CORES = 4  # for each of several jobs that run at once
FAILED, BAD_INPUT, NO_DEVICE = 1, 2, 3  # exit codes, as archc has them


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where all is right and as fast as it is to be, 1 where not, 2 for bad input, 3 where there is no device."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if asked.readme and (asked.quick or asked.device != "cuda"):
        parser.error("--readme: a rehearsal is not to be read")
    if lacking := needs.missing():
        _say(f"error: {sys.executable} lacks {', '.join(lacking)}")
        _say(f"help: {sys.executable} -m pip install {' '.join(lacking)}")
        return BAD_INPUT
    from archc.cli.failures import explain
    from archc.files import WriteError
    from archc.runtime.devices import DeviceError
    from tests.gpu.results import ResultsError
    from tests.gpu.table import NoPlaceError

    try:
        return _run(asked)
    except DeviceError as e:
        _say(str(explain(e)))
        return NO_DEVICE
    except (NoPlaceError, ResultsError, WriteError) as e:
        _say(f"error: {e}")
        return BAD_INPUT


def _run(asked: argparse.Namespace) -> int:
    from tests.gpu.machine import require
    from tests.gpu.table import around

    if asked.readme is not None:
        around(asked.readme)  # before anything is measured
    if asked.table:
        return _put_together(asked)
    require(asked.device)
    return 0 if asked.check else _measure(asked)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.gpu", description=sys.modules["tests.gpu"].__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether the device can be used")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--quick", action="store_true", help="little of all, for small images: a rehearsal")
    parser.add_argument("--only", action="append", choices=("correctness", "run", "speed"), help="this part")
    parser.add_argument("--network", action="append", help="this one")
    parser.add_argument("--batch", action="append", type=int, help="this one")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="keep what was measured")
    parser.add_argument(
        "--table", nargs="+", type=Path, metavar="FILE.json", help="measure nothing: put these together"
    )
    parser.add_argument("--readme", type=Path, metavar="FILE.md", help="write the table into it, if all was measured")
    return parser


def _scope(asked: argparse.Namespace) -> Scope:
    from tests.gpu.scope import full, quick

    return quick(asked.device) if asked.quick or asked.device == "cpu" else full()


def _measure(asked: argparse.Namespace) -> int:
    from tests.gpu.scope import narrowed

    scope = _scope(asked)
    part = narrowed(scope, tuple(asked.network or ()), tuple(asked.batch or ()))
    jobs = [job for job in part.jobs() if not asked.only or job.kind in asked.only]
    if not jobs:
        _say("error: there is nothing of that to measure")
        return BAD_INPUT
    results = _done(jobs, part, asked.out)
    return _end(results, scope, asked.readme, jobs)


def _done(jobs: Sequence[Job], scope: Scope, out: Path | None) -> Results:
    """All jobs, each in its own process; what is done is kept as it comes.

    Those that nobody times run several at once, as many as there are cores for.
    """
    from archc.runtime.cores import cores
    from tests.gpu.machine import machine, today
    from tests.gpu.results import Results
    from tests.gpu.scope import SPEED

    results = Results(machine(scope.device), today(), scope.size, {}, {})
    _say(str(results.machine))
    timed = [job for job in jobs if job.kind == SPEED]
    others = [job for job in jobs if job.kind != SPEED]
    for part, workers in ((others, max(1, cores() // CORES)), (timed, 1)):
        threads = {"OMP_NUM_THREADS": str(CORES)} if workers > 1 else {}
        with ThreadPoolExecutor(workers) as pool:
            for job, found in zip(part, pool.map(partial(_one, scope=scope, threads=threads), part), strict=True):
                if isinstance(found, str):
                    results.failed[job] = found
                else:
                    results.found[job] = found
                _say(f"{len(results.found) + len(results.failed)}/{len(jobs)} {job}: {results.failed.get(job, 'done')}")
                if out is not None:
                    results.write(out)
    return results


def _one(job: Job, *, scope: Scope, threads: Mapping[str, str]) -> list[dict[str, Any]] | str:
    """What a job gave, or why it failed. ``threads`` are environment variables."""
    from tests.gpu.job import arguments

    with TemporaryDirectory(prefix="archc-") as folder:
        out = Path(folder) / "found.json"
        command = [sys.executable, *arguments(job, scope, out)]
        environment = {**threads, **os.environ}
        code = subprocess.run(command, cwd=ROOT, env=environment, stdout=sys.stderr, check=False).returncode
        if code:
            return f"ended with {code}; what it said stands above"
        return json.loads(out.read_text(encoding="utf-8"))


def _put_together(asked: argparse.Namespace) -> int:
    from tests.gpu.results import ResultsError, read

    scope, results = _scope(asked), read(asked.table)
    if (results.machine.device, results.size) != (scope.device, scope.size):
        raise ResultsError(
            f"{asked.table[0]} is of {results.machine.device} and of images of {results.size or 'full'} size"
        )
    return _end(results, scope, asked.readme, scope.jobs())


def _end(results: Results, scope: Scope, readme: Path | None, jobs: Sequence[Job]) -> int:
    """Show the table, and write it where it is wanted and whole; gives the exit code."""
    from tests.gpu.table import table, write

    text = table(results, scope)
    print(text)
    problems = results.problems(scope) + [f"{job}: not measured" for job in jobs if not results.has(job)]
    for problem in problems:
        _say(f"error: {problem}")
    if readme is not None and results.complete(scope):
        write(readme, text)
        _say(f"{readme} written")
    elif readme is not None:
        _say(f"{readme} is left as it was: not all was measured")
    return FAILED if problems else 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
