"""What verification finds: comparisons, each measured and held against a tolerance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import isfinite
from typing import Literal


@dataclass(frozen=True, slots=True)
class Measured:
    """How far outputs are from those expected, the worst of all outputs.

    ``error`` is max |a − b| / max |b|, ``sqnr`` 10 log₁₀(Σ b² / Σ (a − b)²) in dB, ``top1`` the share of samples, or of
    pixels, for which the largest of an output's channels is the same; None where there is one channel.
    """

    error: float
    sqnr: float
    top1: float | None = None


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What is allowed: an ``error`` of at most ``limit``, or an ``sqnr`` of at least so many dB; a least ``top1``.

    ``widened``: more than the precision's own limit, since the network itself makes more of what is rounded.
    """

    precision: str
    measure: Literal["error", "sqnr"]
    limit: float
    top1: float | None = None
    widened: bool = False

    def holds(self, found: Measured) -> bool:
        """False also where there is anything but numbers."""
        if self.measure == "error":
            return found.error <= self.limit
        same = self.top1 is None or found.top1 is None or found.top1 >= self.top1
        return isfinite(found.error) and found.sqnr >= self.limit and same

    @property
    def allows_all(self) -> bool:
        """Whether outputs of nothing but zeros would hold."""
        return self.limit >= 1 if self.measure == "error" else self.limit <= 0

    def __str__(self) -> str:
        if self.measure == "error":
            return f"{self.limit:.1e}"
        return f"{self.limit:.3g} dB" + (f" · {self.top1:.0%}" if self.top1 is not None else "")


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of the numbers of a tensor."""

    least: float
    mean: float
    greatest: float
    deviation: float


@dataclass(frozen=True, slots=True)
class Worst:
    """Where a tensor is furthest from what is expected, and the two numbers there."""

    index: tuple[int, ...]
    expected: float
    found: float


@dataclass(frozen=True, slots=True)
class Blamed:
    """The first layer, in order of execution, that gives something else than expected.

    ``place`` is its line in the spec, where that is known; ``before`` the largest error of what it reads, as far as
    that was compared. ``stands_for`` are layers whose results are compared in this one's: folded into it, or taken out
    between it and the layers before. ``worst`` is None where shapes differ.
    """

    layer: str
    op: str
    place: str | None
    measured: Measured
    expected: Statistics
    found: Statistics
    worst: Worst | None = None
    before: float | None = None
    stands_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison: ``what`` on ``device``, on a batch of ``samples`` (``random`` or ``images``).

    ``input`` are the inputs' sizes without the batch. ``problem`` stands in place of ``measured`` where it did not run.
    """

    what: str
    device: str
    input: str
    samples: str
    batch: int
    tolerance: Tolerance
    measured: Measured | None = None
    problem: str | None = None
    blamed: Blamed | None = None
    searched: bool = False  # for the layer to blame

    @property
    def agrees(self) -> bool:
        return self.measured is not None and self.tolerance.holds(self.measured)


def telling(rows: Iterable[Row], notes: list[str]) -> Iterator[Row]:
    """The comparisons that could fail. Of others a note is added."""
    for row in rows:
        if row.agrees and row.tolerance.allows_all:
            where = f"{row.what}, {row.input}, batch {row.batch} of {row.samples}"
            notes.append(f"{where}: rounding alone moves its outputs by as much as they are")
        else:
            yield row


@dataclass(frozen=True)
class Verification:
    """All comparisons of a network or a model, with ``reference``; ``notes`` are what was not compared, and why."""

    name: str
    reference: str
    weights: str
    samples: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def agrees(self) -> bool:
        """Whether every comparison holds; at least one was made."""
        return bool(self.rows) and all(row.agrees for row in self.rows)
