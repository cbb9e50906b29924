"""One measurement in a process of its own: ``python -m tests.gpu.job JOB SCOPE`` prints JSON as its last line."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
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


def arguments(job: Job, scope: Scope) -> list[str]:
    """For ``python``."""
    return ["-m", "tests.gpu.job", json.dumps(asdict(job)), json.dumps(scope.to_json())]


if __name__ == "__main__":
    print(json.dumps(done(Job(**json.loads(sys.argv[1])), Scope.from_json(json.loads(sys.argv[2])))))
