"""What ``archc bench`` found: as a table for people, and as JSON."""

from __future__ import annotations

import json
from math import isinf
from typing import Any

from archc.display.numbers import binary, by_axis, count, decimal, duration
from archc.display.tables import aligned
from archc.measurement.bench import Bench, Limit, Row
from archc.measurement.statistics import Interval

_HEAD = ("batch", "runner", "p50", "p95", "p99", "images/s", "memory", "of limit", "time / archc (95%)")
_ALIGN = "><>>>>>><"


def as_text(bench: Bench) -> str:
    """The table, what the limit is made of, and what was not steady or could not be compared."""
    lines = [_title(bench), "", *aligned([_HEAD, *(_cells(row) for row in bench.rows if row.timing)], _ALIGN), ""]
    lines += [_limit(limit) for limit in bench.limits]
    lines += [_peaks(bench), *_notes(bench)]
    return "\n".join(lines) + "\n"


def as_json(bench: Bench) -> str:
    """All figures, times in seconds, memory in bytes."""
    data = {
        "name": bench.name,
        "device": bench.device,
        "device_name": bench.device_name,
        "threads": bench.threads,
        "onnxruntime": bench.onnxruntime,
        "rounds": bench.rounds,
        "inputs": {name: list(shape[1:]) for name, shape in bench.shapes.items()},
        "peaks": {"flops_per_second": dict(bench.peaks.flops), "bytes_per_second": bench.peaks.bandwidth},
        "limits": [_limit_data(limit) for limit in bench.limits],
        "rows": [_row_data(row) for row in bench.rows],
    }
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def ratio_text(ratio: Interval) -> str:
    """``1.34 (1.31 – 1.36)``; without bounds where the rounds were too few for them."""
    if isinf(ratio.high):
        return f"{ratio.median:.2f}"
    return f"{ratio.median:.2f} ({ratio.low:.2f} – {ratio.high:.2f})"


def _title(bench: Bench) -> str:
    inputs = ", ".join(f"{name} {by_axis(shape[1:])}" for name, shape in bench.shapes.items())
    threads = f" · {count(bench.threads, 'thread')}" if bench.device == "cpu" else ""
    where = f"{bench.device} · {bench.device_name}{threads} · onnxruntime {bench.onnxruntime}"
    return f"{bench.name} · input {inputs}\n{where} · {count(bench.rounds, 'round')}, each runner in turn"


def _cells(row: Row) -> tuple[str, ...]:
    assert row.timing is not None
    times = [duration(row.timing.percentile(p)) for p in (50, 95, 99)]
    return (
        str(row.batch),
        row.name + ("" if row.timing.steady else " *"),
        *times,
        f"{row.throughput:,.1f}" if row.throughput else "",
        "·" if row.memory is None else binary(row.memory),
        "·" if row.share is None else f"{row.share:.0%}",
        "·" if row.ratio is None else ratio_text(row.ratio),
    )


def _limit(limit: Limit) -> str:
    work, bound = limit.work, limit.time
    parts = [
        f"limit at batch {limit.batch}: {duration(bound.kernels)} kernel by kernel",
        f"{bound.memory_bound:.0%} of it bound by memory",
        f"{duration(bound.whole)} as a whole",
        f"FLOPs {decimal(work.flops)} · {binary(work.bytes)} moved",
    ]
    return " · ".join(parts)


def _peaks(bench: Bench) -> str:
    flops = [f"{name} {decimal(round(value))}FLOP/s" for name, value in bench.peaks.flops.items()]
    parts = [*([", ".join(flops)] if flops else []), f"copy {decimal(round(bench.peaks.bandwidth))}B/s"]
    return f"measured peak: {' · '.join(parts)}"


def _notes(bench: Bench) -> list[str]:
    notes: list[str] = []
    if any(row.timing and not row.timing.steady for row in bench.rows):
        notes.append("* did not get steady while warming up")
    if left_out := bench.limits[0].work.unknown:
        notes.append(f"{count(len(left_out), 'node')} not in the limit: onnx does not know the shapes")
    notes += [f"error: batch {row.batch}: {row.name}: {row.error}" for row in bench.rows if row.error]
    return notes


def _limit_data(limit: Limit) -> dict[str, Any]:
    work, bound = limit.work, limit.time
    return {
        "batch": limit.batch, "macs": work.macs, "flops": work.flops, "bytes": work.bytes,
        "seconds": bound.kernels, "seconds_whole": bound.whole, "memory_bound": bound.memory_bound,
        "unknown_nodes": list(work.unknown),
    }  # fmt: skip


def _row_data(row: Row) -> dict[str, Any]:
    if row.timing is None:
        return {"batch": row.batch, "runner": row.name, "kind": row.kind, "error": row.error}
    timing = row.timing
    return {
        "batch": row.batch, "runner": row.name, "kind": row.kind,
        "p50": timing.percentile(50), "p95": timing.percentile(95), "p99": timing.percentile(99),
        "images_per_second": row.throughput, "memory": row.memory, "share_of_limit": row.share,
        "ratio": ratio_data(row.ratio), "rounds": list(timing.rounds), "cpu_seconds": list(timing.cpu),
        "calls": len(timing.calls), "warmup_calls": timing.warmup, "steady": timing.steady,
    }  # fmt: skip


def ratio_data(ratio: Interval | None) -> dict[str, float | None] | None:
    """JSON has no infinity: where the rounds are too few for bounds, they are null."""
    if ratio is None:
        return None
    bounded = not isinf(ratio.high)
    return {"median": ratio.median, "low": ratio.low if bounded else None, "high": ratio.high if bounded else None}
