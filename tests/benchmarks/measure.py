"""How the benchmarks measure, and the table that they fill."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

from rich.console import Console
from rich.table import Table

Action = Callable[[], object]


@dataclass
class Row:
    """One line of the table that a run prints."""

    what: str
    ours: str
    theirs: str
    ratio: str
    wanted: str


class Report:
    """The rows of all benchmarks of a run."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def add(self, what: str, ours: str, theirs: str = "", ratio: str = "", wanted: str = "") -> None:
        self.rows.append(Row(what, ours, theirs, ratio, wanted))

    def print(self) -> None:
        table = Table("what", "archc", "compared with", "ratio", "wanted", title="Benchmarks")
        for row in self.rows:
            table.add_row(row.what, row.ours, row.theirs, row.ratio, row.wanted)
        Console(width=120).print(table)


def seconds(action: Action) -> float:
    start = perf_counter()
    action()
    return perf_counter() - start


def interleave(ours: Action, theirs: Action, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of each, run in turn, the one that goes first changing every round, after one round that warms up."""
    first, second = list[float](), list[float]()
    ours(), theirs()
    for i in range(rounds):
        pair = [(ours, first), (theirs, second)]
        for action, times in pair if i % 2 else reversed(pair):
            times.append(seconds(action))
    return first, second


def paired(first: Sequence[float], second: Sequence[float]) -> float:
    """The median of ours / theirs, round by round: what disturbs a round disturbs both."""
    return median(a / b for a, b in zip(first, second, strict=True))


def process(*command: str | Path, cwd: Path) -> Action:
    """Runs a whole Python process, with its compiled bytecode kept, as Python does for its users; it must not fail."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def run() -> None:
        subprocess.run([sys.executable, *map(str, command)], cwd=cwd, env=environment, check=True, capture_output=True)

    return run
