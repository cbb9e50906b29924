"""The roofline, drawn: what the machine allows, where the network's kernels lie under it, and what was reached."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

from archc.diagnostics.diagnostic import RequestError
from archc.display.numbers import count
from archc.files import write_bytes
from archc.measurement.bench import Bench, Limit, Row
from archc.measurement.workload import Kernel, Workload

# Okabe and Ito's colours, that colour-blind people tell apart; the dark ones first.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
GREY, INK = "#9aa0a6", "#202124"
MARKERS = "osD^vPX*"
_NUMBER = {"color": "white", "fontsize": 6.5, "ha": "center", "va": "center", "weight": "bold"}
_DPI = 150


def require() -> None:
    """Raises RequestError where matplotlib is missing."""
    if find_spec("matplotlib") is None:
        raise RequestError("--plot needs matplotlib, which is not installed", "pip install 'archc[plot]'")


def draw(bench: Bench, path: Path) -> None:
    """Write the figure as PNG or SVG, by the name's suffix. Raises WriteError."""
    figure: Any = import_module("matplotlib.figure").Figure(figsize=(9, 5.6), layout="constrained")
    with import_module("matplotlib").rc_context({"svg.hashsalt": "archc", "font.size": 9.5}):
        axes = figure.add_subplot()
        _kernels(axes, bench)
        _roofs(axes, bench)
        _reached(axes, bench)
        _frame(axes, bench)
        buffer = BytesIO()
        figure.savefig(buffer, format=path.suffix[1:], dpi=_DPI, metadata=_undated(path))
    write_bytes(path, buffer.getvalue())


def _undated(path: Path) -> dict[str, None] | None:
    return {"Date": None} if path.suffix == ".svg" else None


def _bounds(bench: Bench) -> tuple[float, float]:
    """Intensities, in FLOPs a byte, between which everything lies."""
    ridges = [peak / bench.peaks.bandwidth for peak in bench.peaks.flops.values()]
    found = [_intensity(k) for limit in bench.limits for k in _multiplying(limit)] + ridges
    return min(found, default=0.1) / 2, max(found, default=10.0) * 4


def _roofs(axes: Any, bench: Bench) -> None:
    """The slope of the bandwidth, and a ceiling for each precision."""
    low, high = _bounds(bench)
    top = max(bench.peaks.flops.values(), default=bench.peaks.bandwidth * high)
    ridge = top / bench.peaks.bandwidth
    axes.plot([low, ridge], [low * bench.peaks.bandwidth, top], color=INK, lw=1.4)
    text = f"copy {bench.peaks.bandwidth / 1e9:,.1f} GB/s"
    axes.annotate(
        text, (low * 1.15, low * 1.15 * bench.peaks.bandwidth), xytext=(4, -12), textcoords="offset points", color=INK
    )
    for name, peak in bench.peaks.flops.items():
        axes.plot([peak / bench.peaks.bandwidth, high], [peak, peak], color=INK, lw=1.4)
        label = f"{name} {peak / 1e9:,.0f} GFLOP/s"
        axes.annotate(label, (high, peak), xytext=(-3, 4), textcoords="offset points", ha="right", color=INK)


def _kernels(axes: Any, bench: Bench) -> None:
    """At the limit of each, as large as its part of the time: what the network asks for."""
    limit = bench.limits[-1]
    points = [(_intensity(k), _roof(k, bench), _part(k, bench, limit)) for k in _multiplying(limit)]
    axes.scatter(
        [x for x, _, _ in points], [y for _, y, _ in points], s=[30 + 1500 * part for _, _, part in points],
        color=GREY, alpha=0.45, lw=0, zorder=3,
        label=f"its kernels at batch {limit.batch}, at their limit; the area is their part of the time",
    )  # fmt: skip


def _reached(axes: Any, bench: Bench) -> None:
    """Each runner at each batch, whose number stands in the mark: FLOP/s at the median; archc's lie on top."""
    works = {limit.batch: limit.work for limit in bench.limits}
    for i, kind in enumerate(dict.fromkeys(row.kind for row in bench.rows if row.timing)):
        rows = [row for row in bench.rows if row.kind == kind and row.timing]
        points = [_point(row, works[row.batch]) for row in rows]
        style = {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}
        axes.plot(*zip(*points, strict=True), **style, ms=12, lw=1, label=_legend(kind, rows), zorder=20 - i)
        for row, point in zip(rows, points, strict=True):
            axes.annotate(str(row.batch), point, zorder=20 - i, **_NUMBER)


def _point(row: Row, work: Workload) -> tuple[float, float]:
    assert row.timing is not None
    return work.flops / work.bytes, work.flops / row.timing.median


def _legend(name: str, rows: Sequence[Row]) -> str:
    shares = [f"{row.share:.0%}" for row in rows if row.share is not None]
    batches = ", ".join(str(row.batch) for row in rows)
    return f"{name}: {', '.join(shares)} of the limit at batch {batches}" if shares else name


def _frame(axes: Any, bench: Bench) -> None:
    low, high = _bounds(bench)
    axes.set(xscale="log", yscale="log", xlim=(low, high), xlabel="FLOPs a byte")
    axes.set_ylim(top=max(bench.peaks.flops.values(), default=1.0) * 2.5)
    ticker = import_module("matplotlib.ticker")
    axes.yaxis.set_major_formatter(ticker.EngFormatter("FLOP/s"))
    axes.xaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    threads = f", {count(bench.threads, 'thread')}" if bench.device == "cpu" else ""
    axes.set_title(f"{bench.name} on {bench.device_name}{threads}", loc="left", color=INK)
    axes.grid(which="major", color="#e8eaed", lw=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(loc="best", frameon=False, markerscale=0.6)


def _multiplying(limit: Limit) -> list[Kernel]:
    return [k for k in limit.work.kernels if k.precision is not None and k.bytes]


def _intensity(kernel: Kernel) -> float:
    return kernel.flops / kernel.bytes


def _roof(kernel: Kernel, bench: Bench) -> float:
    """FLOP/s that the kernel can reach."""
    return min(bench.peaks.flops[kernel.precision or ""], _intensity(kernel) * bench.peaks.bandwidth)


def _part(kernel: Kernel, bench: Bench, limit: Limit) -> float:
    return kernel.flops / _roof(kernel, bench) / limit.time.kernels
