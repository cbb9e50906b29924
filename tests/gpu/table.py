"""The one table, as the README has it between two comments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from archc.display.numbers import duration
from archc.files import write_text
from tests.gpu.correctness import Outcome
from tests.gpu.results import Results
from tests.gpu.scope import RUN, Scope
from tests.gpu.speed import RIVALS

BEGIN, END = "<!-- gpu-check -->", "<!-- /gpu-check -->"


def table(results: Results, scope: Scope) -> str:
    """Markdown: where and when, what was right, and how fast it was."""
    parts = [[f"{results.machine}; {results.date}."], [*_fast(results, scope)], [*_right(results, scope)]]
    return "\n\n".join("\n".join(part) for part in parts if part)


class NoPlaceError(Exception):
    """A file has no place for the table."""


def write(readme: Path, text: str) -> None:
    """Put the text between the comments. Raises NoPlaceError and WriteError."""
    before, after = around(readme)
    write_text(readme, f"{before}{BEGIN}\n{text}\n{END}{after}")


def around(readme: Path) -> tuple[str, str]:
    """What stands before and after the table. Raises NoPlaceError where the comments are not there once, in order."""
    try:
        text = readme.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise NoPlaceError(f"{readme} can't be read: {e}") from e
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end or text.count(BEGIN) != 1 or text.count(END) != 1:
        raise NoPlaceError(f"{readme} has no place for the table, between {BEGIN} and {END}")
    return before, after


def _right(results: Results, scope: Scope) -> Iterator[str]:
    """What was compared with the module on the CPU."""
    outcomes = results.outcomes()
    networks = len({one.network for one in outcomes})
    if outcomes:
        yield f"| profile | in | right on {scope.device}, of {networks} networks | largest error | allowed |"
        yield "|---|---|--:|--:|--:|"
    for profile, numbers in dict.fromkeys((one.profile, one.numbers) for one in outcomes):
        these = [one for one in outcomes if (one.profile, one.numbers) == (profile, numbers)]
        yield f"| {profile} | {numbers} | {_count(these)} | {_largest(these)} | {_allowed(these)} |"
    runs = [one for job, found in results.found.items() if job.kind == RUN for one in found]
    well = sum(one["problem"] is None for one in runs)
    if runs:
        yield ""
        yield f"`archc run --device {scope.device}`, {scope.profile}: {well} of {len(runs)} networks as on the CPU."


def _count(outcomes: list[Outcome]) -> int:
    """Networks of which every batch and size is right."""
    wrong = {one.network for one in outcomes if one.problem is not None}
    return len({one.network for one in outcomes} - wrong)


def _largest(outcomes: list[Outcome]) -> str:
    errors = [one.error for one in outcomes if one.error is not None]
    return f"{max(errors):.1e}" if errors else "·"


def _allowed(outcomes: list[Outcome]) -> str:
    """Deep networks are allowed more, where that is of rounding."""
    known = sorted({one.allowed for one in outcomes if one.error is not None}, key=float)
    return " to ".join(dict.fromkeys((known[0], known[-1]))) if known else "·"


def _fast(results: Results, scope: Scope) -> Iterator[str]:
    rows = results.rows()
    if not rows:
        return
    yield f"| network | batch | archc {scope.profile}, tuned | images/s | of roofline | {' | '.join(RIVALS)} |"
    yield f"|---|{'--:|' * (4 + len(RIVALS))}"
    for row in rows:
        cells = [row["network"], str(row["batch"]), duration(row["seconds"]), f"{row['batch'] / row['seconds']:,.0f}"]
        cells += [f"{row['share']:.0%}", *(_rival(row, kind) for kind in RIVALS)]
        yield f"| {' | '.join(cells)} |"
    yield from ("", _legend(scope))


def _legend(scope: Scope) -> str:
    """What the columns are."""
    aim = "" if scope.aim is None else f"; {scope.aim:g}× the stock export is the aim"
    return (
        "Time of a batch, inputs and outputs on the device, and how many times as fast archc is. Stock export: "
        "`torch.onnx.export` in fp32, onnxruntime's default options. torch eager: channels_last, in the numbers of "
        "archc's file, `cudnn.benchmark` on. torch.compile: the same, the faster of its default and of "
        f"`reduce-overhead`. Roofline: the least time by a product of matrices and a copy measured there{aim}."
    )


def _rival(row: dict[str, Any], kind: str) -> str:
    """Its time, and how many times as fast archc is."""
    rival = row["rivals"].get(kind)
    return f"{duration(rival['seconds'])}, {rival['ratio']:.2f}×" if rival else "·"
