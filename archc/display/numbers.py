"""Numbers for people."""

from __future__ import annotations

from collections.abc import Iterable


def exact(n: int) -> str:
    """25,557,032"""
    return f"{n:,}"


def decimal(n: int) -> str:
    """``4.089 G``: four figures and a power of 1000; exact below a million."""
    value, units = float(n), ["", "K", "M", "G", "T", "P", "E"]
    if n < 1_000_000:
        return exact(n)
    while value >= 999.95 and len(units) > 1:
        value, units = value / 1000, units[1:]
    digits = 3 if value < 10 else 2 if value < 100 else 1
    return f"{value:.{digits}f} {units[0]}"


def binary(n: int) -> str:
    """Bytes as ``97.5 MiB``."""
    value, units = float(n), ["KiB", "MiB", "GiB", "TiB"]
    if n < 1024:
        return f"{n} bytes"
    value /= 1024
    while value >= 1023.95 and len(units) > 1:
        value, units = value / 1024, units[1:]
    return f"{value:,.1f} {units[0]}"


def duration(seconds: float) -> str:
    """``4.71 ms``, ``812 µs``, ``1.23 s``: three figures."""
    unit, size = next(((unit, size) for unit, size in (("s", 1), ("ms", 1e-3)) if seconds >= size), ("µs", 1e-6))
    value = seconds / size
    digits = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:.{digits}f} {unit}"


def count(number: int, noun: str) -> str:
    """`1 tensor`, `2 tensors`."""
    return f"{exact(number)} {noun}{'' if number == 1 else 's'}"


def by_axis(sizes: Iterable[object]) -> str:
    """A shape: ``64 × 3 × 7 × 7``; ``scalar`` where there are no axes."""
    return " × ".join(map(str, sizes)) or "scalar"
