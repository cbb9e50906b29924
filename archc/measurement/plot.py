"""The roofline, drawn: what the machine allows, where the network's kernels lie under it, and what was reached."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

from archc.diagnostics.diagnostic import RequestError
from archc.files import write_bytes
from archc.measurement.bench import Bench, Limit
from archc.measurement.workload import Kernel

# Okabe and Ito's colours, that colour-blind people tell apart; the dark ones first.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
GREY, INK = "#9aa0a6", "#202124"
MARKERS = "osD^vPX*"
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
    kernels = _multiplying(limit)
    xs = [_intensity(k) for k in kernels]
    roofs = [
        min(bench.peaks.flops[k.precision or "fp32"], x * bench.peaks.bandwidth)
        for k, x in zip(kernels, xs, strict=True)
    ]
    parts = [k.flops / roof / limit.time.kernels for k, roof in zip(kernels, roofs, strict=True)]
    axes.scatter(
        xs, roofs, s=[12 + 900 * part for part in parts], color=GREY, alpha=0.35, lw=0,
        label=f"its kernels at batch {limit.batch}: their limit; area is their part of the time",
    )  # fmt: skip


def _reached(axes: Any, bench: Bench) -> None:
    """Each runner at each batch: FLOP/s at the median, over the intensity of the whole."""
    names = list(dict.fromkeys(row.name for row in bench.rows if row.timing))
    works = {limit.batch: limit.work for limit in bench.limits}
    for i, name in enumerate(names):
        rows = [row for row in bench.rows if row.name == name and row.timing]
        points = [
            (works[r.batch].flops / works[r.batch].bytes, works[r.batch].flops / r.timing.median)
            for r in rows
            if r.timing
        ]
        colour, marker = COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]
        axes.plot(
            *zip(*points, strict=True), color=colour, marker=marker, ms=7, lw=1, label=_legend(name, rows), zorder=3
        )
        if i == 0:
            for row, point in zip(rows, points, strict=True):
                axes.annotate(
                    f"batch {row.batch}", point, xytext=(8, -4), textcoords="offset points", color=colour, fontsize=8
                )


def _legend(name: str, rows: Sequence[Any]) -> str:
    shares = [f"{row.share:.0%}" for row in rows if row.share is not None]
    return f"{name}: {', '.join(shares)} of the limit" if shares else name


def _frame(axes: Any, bench: Bench) -> None:
    low, high = _bounds(bench)
    axes.set(xscale="log", yscale="log", xlim=(low, high), xlabel="FLOPs a byte", ylabel="FLOP/s")
    axes.set_ylim(top=max(bench.peaks.flops.values(), default=1.0) * 2.5)
    threads = f", {bench.threads} threads" if bench.device == "cpu" else ""
    axes.set_title(f"{bench.name} on {bench.device_name}{threads}", loc="left", color=INK)
    axes.grid(which="major", color="#e8eaed", lw=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(loc="lower right", frameon=False)


def _multiplying(limit: Limit) -> list[Kernel]:
    return [k for k in limit.work.kernels if k.precision is not None and k.bytes]


def _intensity(kernel: Kernel) -> float:
    return kernel.flops / kernel.bytes
