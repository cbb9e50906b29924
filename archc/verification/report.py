"""What was verified: as a table for people, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

from archc.display.names import some
from archc.display.tables import aligned
from archc.verification.result import Blamed, Row, Statistics, Verification

_HEAD = ("what", "device", "input", "samples", "batch", "error", "allowed", "")
_ALIGN = "<<<<<>><"
WIDENED = "*"
_NO_LAYER = (
    "no layer differs once the results of all are asked for, which keeps onnxruntime from fusing them; "
    "so it is in what it fuses"
)


def as_text(found: Verification) -> str:
    """A line for each comparison, batch sizes that agree on one line; then what differs first, and what is missing."""
    lines = [f"{found.name}, against {found.reference}", f"weights: {found.weights}", f"samples: {found.samples}", ""]
    lines += aligned([_HEAD, *map(_cells, _together(found.rows))], _ALIGN)
    lines += ["", *_legend(found.rows)]
    lines += _explanations(found.rows)
    if found.notes:
        lines += ["", *(f"not compared: {note}" for note in found.notes)]
    lines += ["", _verdict(found)]
    return "\n".join(lines) + "\n"


def as_json(found: Verification) -> str:
    """Every comparison; errors that are not finite are null."""
    data = {
        "name": found.name, "reference": found.reference, "weights": found.weights, "samples": found.samples,
        "agrees": found.agrees, "rows": [_row_data(row) for row in found.rows], "not_compared": list(found.notes),
    }  # fmt: skip
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _together(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Comparisons that only differ in the batch and agree, in one."""
    groups: dict[object, list[Row]] = {}
    for i, row in enumerate(rows):
        alike = (row.what, row.device, row.input, row.samples, row.tolerance, None if row.agrees else i)
        groups.setdefault(alike, []).append(row)
    yield from groups.values()


def _cells(rows: Sequence[Row]) -> tuple[str, ...]:
    row = rows[0]
    batches = ", ".join(str(one.batch) for one in rows)
    verdict = "ok" if row.agrees else "DIFFERS" if row.measured else "FAILS"
    return (
        row.what,
        row.device,
        row.input,
        row.samples,
        batches,
        _worst(rows),
        f"{row.tolerance}{WIDENED * row.tolerance.widened}",
        verdict,
    )


def _worst(rows: Sequence[Row]) -> str:
    given = [row.measured for row in rows if row.measured is not None]
    if not given:
        return "·"
    if rows[0].tolerance.measure == "error":
        worst = max(one.error for one in given)
        return f"{worst:.1e}" if isfinite(worst) else "not finite"
    sqnr = min(one.sqnr for one in given)
    last = given[-1].top1
    share = "" if last is None else f" · top-1 {last:.0%}"
    return (f"{sqnr:.1f} dB" if isfinite(sqnr) else "exact" if sqnr > 0 else "not finite") + share


def _legend(rows: Sequence[Row]) -> Iterator[str]:
    yield "error: max |a − b| / max |b|, of the worst output and batch"
    if any(row.tolerance.measure == "sqnr" for row in rows):
        yield "       of int8 the SQNR, and how often the class is the same on the largest batch"
    if any(row.tolerance.widened for row in rows):
        yield f"{WIDENED}      more than its precision's own limit: what rounding costs this network on these samples"


def _explanations(rows: Sequence[Row]) -> Iterator[str]:
    """What is known of the comparisons that fail: layers first, each with all in which it is the first that differs."""
    blamed: dict[str, list[Row]] = {}
    for row in rows:
        if row.blamed is not None:
            blamed.setdefault(row.blamed.layer, []).append(row)
        elif row.problem is not None:
            yield from ("", f"{_title(row)} does not run: {row.problem}")
        elif not row.agrees and row.searched:
            yield from ("", f"{_title(row)}: {_NO_LAYER}")
    for group in blamed.values():
        yield from ("", *_blame(group))


def _title(row: Row) -> str:
    return f"{row.what}, on {row.device}, {row.input}, batch {row.batch} of {row.samples}"


def _blame(rows: Sequence[Row]) -> Iterator[str]:
    found = [(row, row.blamed) for row in rows if row.blamed is not None]
    blamed = found[0][1]
    place = f" ({blamed.place})" if blamed.place else ""
    yield f"the first layer that differs: `{blamed.layer}`, {blamed.op}{place}"
    if blamed.stands_for:
        yield f"  compared in it: {some(blamed.stands_for)}"
    yield from (f"  {line}" for line in aligned([(_title(row), *_errors(one)) for row, one in found], "<<<"))
    yield f"  expected  {_numbers(blamed.expected)}"
    yield f"  found     {_numbers(blamed.found)}"
    if (worst := blamed.worst) is not None:
        yield f"  furthest at {list(worst.index)}: {worst.found:.6g} in place of {worst.expected:.6g}"


def _errors(blamed: Blamed) -> tuple[str, str]:
    error = blamed.measured.error
    before = "" if blamed.before is None else f"of what it reads {blamed.before:.1e}"
    return f"error {error:.1e}" if isfinite(error) else "not finite, or of another shape", before


def _numbers(of: Statistics) -> str:
    return f"{of.least:.4g} … {of.greatest:.4g}, mean {of.mean:.4g}, deviation {of.deviation:.4g}"


def _verdict(found: Verification) -> str:
    if found.agrees:
        return f"{len(found.rows)} comparisons, all agree" if len(found.rows) > 1 else "1 comparison, and it agrees"
    return f"{sum(not row.agrees for row in found.rows)} of {len(found.rows)} comparisons differ"


def _row_data(row: Row) -> dict[str, Any]:
    return {**_finite(asdict(row)), "agrees": row.agrees}


def _finite(data: Any) -> Any:
    if isinstance(data, dict):
        return {name: _finite(value) for name, value in data.items()}  # pyright: ignore
    if isinstance(data, float) and not isfinite(data):
        return None
    return list(data) if isinstance(data, tuple) else data  # pyright: ignore
