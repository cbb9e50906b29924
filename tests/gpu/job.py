"""One measurement in a process of its own: ``python -m tests.gpu.job JOB SCOPE FILE`` writes it as JSON."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.gpu.scope import CORRECTNESS, RUN, Job, Scope


def done(job: Job, scope: Scope) -> list[dict[str, Any]]:
    """What was measured."""
    import torch  # noqa: F401 - before onnxruntime, which then finds CUDA's libraries loaded

    if job.kind == CORRECTNESS:
        from tests.gpu.correctness import outcomes

        return outcomes(job, scope)
    if job.kind == RUN:
        from tests.gpu.runs import outcome

        return [outcome(job, scope)]
    from tests.gpu.speed import measured

    return [measured(job, scope)]


def arguments(job: Job, scope: Scope, out: Path) -> list[str]:
    """For ``python``."""
    return ["-m", "tests.gpu.job", json.dumps(asdict(job)), json.dumps(scope.to_json()), str(out)]


if __name__ == "__main__":
    found = done(Job(**json.loads(sys.argv[1])), Scope.from_json(json.loads(sys.argv[2])))
    Path(sys.argv[3]).write_text(json.dumps(found), encoding="utf-8")
