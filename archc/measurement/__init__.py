"""How fast a network runs, beside others and beside what the machine could do.

``compare`` times things in turn, in one process; ``archc bench`` and ``archc tune`` are built on it, and so can a
benchmark be::

    from archc.measurement import compare

    found = compare({"ours": run_ours, "theirs": run_theirs}, rounds=30)
    found["ours"].median            # seconds
    found.ratio("ours", "theirs")   # ours / theirs, round by round: .median, .low, .high
"""

from __future__ import annotations

from archc.measurement.interleave import Comparison, Runner, Timing, Warmup, compare
from archc.measurement.statistics import Interval, median_interval, percentile

__all__ = ["Comparison", "Interval", "Runner", "Timing", "Warmup", "compare", "median_interval", "percentile"]
