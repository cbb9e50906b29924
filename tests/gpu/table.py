"""The one table, as the README has it between two comments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from archc.files import write_text
from archc.measurement.report import time_text
from tests.gpu.correctness import ALLOWED, Outcome
from tests.gpu.results import Results
from tests.gpu.scope import RUN, Scope
from tests.gpu.speed import RIVALS

BEGIN, END = "<!-- gpu-check -->", "<!-- /gpu-check -->"


def table(results: Results, scope: Scope) -> str:
    """Markdown: where and when, what was right, and how fast it was."""
    return "\n".join([f"{results.machine}; {results.date}.", "", *_right(results, scope), "", *_fast(results, scope)])


def write(readme: Path, text: str) -> None:
    """Put the text between the comments. Raises ValueError where these are not there once, and WriteError."""
    old = readme.read_text(encoding="utf-8")
    if old.count(BEGIN) != 1 or old.count(END) != 1 or old.index(BEGIN) > old.index(END):
        raise ValueError(f"{readme} has no place for the table between {BEGIN} and {END}")
    before, after = old.split(BEGIN)[0], old.split(END)[1]
    write_text(readme, f"{before}{BEGIN}\n{text}\n{END}{after}")


def _right(results: Results, scope: Scope) -> Iterator[str]:
    """What was compared with the module on the CPU."""
    outcomes = results.outcomes()
    networks = len({one.network for one in outcomes})
    yield f"| profile | in | right on {scope.device}, of {networks} networks | largest ‖a − b‖ / ‖b‖ | allowed |"
    yield "|---|---|--:|--:|--:|"
    for profile, numbers in dict.fromkeys((one.profile, one.numbers) for one in outcomes):
        these = [one for one in outcomes if (one.profile, one.numbers) == (profile, numbers)]
        yield f"| {profile} | {numbers} | {_count(these)} | {_largest(these)} | {ALLOWED[numbers]:.1e} |"
    runs = [one for job, found in results.found.items() if job.kind == RUN for one in found]
    well = sum(one["problem"] is None for one in runs)
    if runs:
        yield ""
        yield f"`archc run --device {scope.device}`, {scope.profile}: {well} of {len(runs)} networks as on the CPU."


def _count(outcomes: list[Outcome]) -> int:
    """Networks of which every batch is right."""
    wrong = {one.network for one in outcomes if not one.right}
    return len({one.network for one in outcomes} - wrong)


def _largest(outcomes: list[Outcome]) -> str:
    errors = [one.error for one in outcomes if one.error is not None]
    return f"{max(errors):.1e}" if errors else "·"


def _fast(results: Results, scope: Scope) -> Iterator[str]:
    yield f"| network | batch | archc {scope.profile}, tuned | images/s | of roofline | {' | '.join(RIVALS)} |"
    yield f"|---|{'--:|' * (4 + len(RIVALS))}"
    for row in results.rows():
        cells = [row["network"], str(row["batch"]), time_text(row["seconds"]), f"{row['batch'] / row['seconds']:,.0f}"]
        cells += [f"{row['share']:.0%}", *(_rival(row, kind) for kind in RIVALS)]
        yield f"| {' | '.join(cells)} |"


def _rival(row: dict[str, Any], kind: str) -> str:
    """Its time, and how many times as fast archc is."""
    rival = row["rivals"].get(kind)
    return f"{time_text(rival['seconds'])}, {rival['ratio']:.2f}×" if rival else "·"
