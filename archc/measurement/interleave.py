"""Timings of several things in one process, in turn, so that what disturbs the machine disturbs all of them."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from time import perf_counter, process_time
from typing import Literal

from archc.measurement.statistics import Interval, median_interval, percentile

Runner = Callable[[], object]  # does the work once, and comes back when its result is there
Clock = Literal["wall", "cpu"]


@dataclass(frozen=True, slots=True)
class Warmup:
    """When a candidate counts as warm: two windows of ``calls`` calls, one after the other, agree.

    They agree when their medians differ by ``within`` of the larger, or less. After ``seconds`` warming up ends in any
    case; the timing then says that it was not steady.
    """

    calls: int = 5
    within: float = 0.05
    seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Timing:
    """The timings of one candidate, in seconds.

    ``calls`` has every timed call; ``rounds`` the median call of each round, and ``cpu`` the processor time of a call
    in it, all threads of the process together. ``warmup`` is the number of calls before that.
    """

    calls: tuple[float, ...]
    rounds: tuple[float, ...]
    cpu: tuple[float, ...]
    warmup: int
    steady: bool

    @property
    def median(self) -> float:
        """The 50th percentile of the calls."""
        return percentile(self.calls, 50)

    def percentile(self, percent: float) -> float:
        """Of the calls; 99 for the latency that one in a hundred exceeds."""
        return percentile(self.calls, percent)


@dataclass(frozen=True, slots=True)
class Comparison(Mapping[str, Timing]):
    """Name of a candidate → its timings. All have the same number of rounds."""

    timings: Mapping[str, Timing]

    def __getitem__(self, name: str) -> Timing:
        return self.timings[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.timings)

    def __len__(self) -> int:
        return len(self.timings)

    def ratio(self, name: str, base: str, *, confidence: float = 0.95, clock: Clock = "wall") -> Interval:
        """The time of ``name`` over that of ``base``, round by round: below 1 where ``name`` is faster.

        ``clock="cpu"`` takes processor time, which other work on the machine disturbs less; it says the same as time
        on the wall only for candidates that use one thread.
        """
        first, second = (_rounds(self[n], clock) for n in (name, base))
        return median_interval([a / b for a, b in zip(first, second, strict=True)], confidence)


def compare(
    candidates: Mapping[str, Runner], *, rounds: int = 30, seconds: float = 0.0, turn: float = 0.05,
    settle: float = 0.01, warmup: Warmup | None = None, progress: Callable[[int], object] | None = None,
) -> Comparison:  # fmt: skip
    """Time the candidates in rounds, in each of which every one has its turn; who is first moves on by one a round.

    There are ``rounds`` rounds, and more until ``seconds`` have passed. A turn begins with calls that are not timed,
    one or more until ``settle`` seconds have passed: they bring the weights back into the caches, and let the threads
    of the one before fall asleep. Timed calls follow, one or more until ``turn`` seconds have passed. A lone candidate
    is only timed. Before the first round each is warmed up. ``progress`` is called with each round's number.

    Raises ValueError where there is no candidate or no round; what a candidate raises comes through.
    """
    if not candidates or rounds < 1:
        raise ValueError("compare needs a candidate and a round at least")
    records = [_Record(name, run) for name, run in candidates.items()]
    with _without_garbage_collection():
        for record in records:
            record.warm_up(warmup or Warmup())
        start, done = perf_counter(), 0
        while done < rounds or perf_counter() - start < seconds:
            first = done % len(records)
            for record in records[first:] + records[:first]:
                record.turn(turn, settle if len(records) > 1 else None)
            done += 1
            if progress:
                progress(done)
    return Comparison({record.name: record.timing() for record in records})


class _Record:
    """A candidate and what was measured of it."""

    def __init__(self, name: str, run: Runner) -> None:
        self.name, self.run = name, run
        self.calls: list[float] = []
        self.rounds: list[float] = []
        self.cpu: list[float] = []
        self.warmup, self.steady = 0, False

    def warm_up(self, rule: Warmup) -> None:
        start = perf_counter()
        self.run()  # the first call allocates, compiles and captures: it tells nothing
        before, self.warmup = self._window(rule.calls), 1 + rule.calls
        while not self.steady and perf_counter() - start < rule.seconds:
            now = self._window(rule.calls)
            self.warmup += rule.calls
            self.steady = abs(now - before) <= rule.within * max(now, before)
            before = now

    def _window(self, calls: int) -> float:
        return median(_seconds(self.run) for _ in range(calls))

    def turn(self, length: float, settle: float | None) -> None:
        if settle is not None:
            _repeat(self.run, settle)
        cpu = process_time()
        times = _repeat(self.run, length)
        self.cpu.append((process_time() - cpu) / len(times))
        self.rounds.append(median(times))
        self.calls += times

    def timing(self) -> Timing:
        return Timing(tuple(self.calls), tuple(self.rounds), tuple(self.cpu), self.warmup, self.steady)


def _repeat(run: Runner, length: float) -> list[float]:
    """The time of each call, one or more, until so many seconds have passed."""
    times = [_seconds(run)]
    left = length - times[0]
    while left > 0:
        times.append(_seconds(run))
        left -= times[-1]
    return times


def _seconds(run: Runner) -> float:
    start = perf_counter()
    run()
    return perf_counter() - start


def _rounds(timing: Timing, clock: Clock) -> Sequence[float]:
    return timing.rounds if clock == "wall" else timing.cpu


@contextmanager
def _without_garbage_collection() -> Generator[None, None, None]:
    """Python collects garbage before, and not within, what is timed."""
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
