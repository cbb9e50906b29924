"""The search: one option after the other, each with all its values timed in turn, beside what is best so far.

A value is kept if it is faster beyond the noise: over the rounds, the 99% interval of the median of the ratios of its
time to that of the best so far lies below 1 − ``GAIN``. The interval is the sign test's, and assumes nothing of how the
times are distributed. What was kept is measured once more, against where the search set out; unless it wins there by
the same rule, nothing is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from archc.measurement.agreement import agreement
from archc.measurement.binding import Bound
from archc.measurement.inputs import Array, input_shapes, random_inputs
from archc.measurement.interleave import Runner, compare
from archc.measurement.statistics import Interval
from archc.measurement.tuning.options import Option, Value
from archc.measurement.workload import workload
from archc.runtime.devices import DeviceError
from archc.runtime.errors import ModelError
from archc.runtime.session import Settings, open_session
from archc.runtime.sizes import Sizes

CONFIDENCE, GAIN = 0.99, 0.01
ROUNDS = 30

Open = Callable[[Settings], "Opened"]
Progress = Callable[[str], object]


@dataclass(frozen=True)
class Opened:
    """A session as something to time, and what it computed."""

    run: Runner
    outputs: Callable[[], Mapping[str, Array]]


@dataclass(frozen=True, slots=True)
class Trial:
    """A value that was tried: its time over that of the best before, and whether it was kept, or why it has none."""

    option: str
    value: str
    seconds: float | None = None
    ratio: Interval | None = None
    kept: bool = False
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Tuned:
    """``settings`` are the best that were found, ``ratio`` their time over that of the start; None if they are it."""

    settings: Settings
    trials: tuple[Trial, ...]
    default_seconds: float
    seconds: float
    ratio: Interval | None


def wins(ratio: Interval) -> bool:
    """Whether a ratio of times is below 1 by more than the noise."""
    return ratio.high < 1 - GAIN


class Search:
    """``open`` makes a session with settings; it raises ModelError or DeviceError where these can't be had."""

    def __init__(
        self, open: Open, allowed: float, *, rounds: int = ROUNDS, progress: Progress = lambda _: None
    ) -> None:
        self._open, self._allowed, self._rounds, self._progress = open, allowed, rounds, progress

    def run(self, start: Settings, options: Sequence[Option]) -> Tuned:
        """The best settings from ``start`` on."""
        first = self._opened(start)
        first.run()
        self._wanted = first.outputs()
        best, trials = start, list[Trial]()
        for option in options:
            self._progress(f"trying {option.name}")
            best, tried = self._coordinate(best, option)
            trials += tried
        return self._confirmed(start, best, trials)

    def _coordinate(self, best: Settings, option: Option) -> tuple[Settings, list[Trial]]:
        """The best of an option's values, and what each brought."""
        others = [(value, settings) for value in option.values if (settings := value.apply(best)) != best]
        runners: dict[str, Runner] = {"": self._opened(best).run}
        problems: dict[str, str] = {}
        for value, settings in others:
            try:
                runners[value.text] = self._checked(settings)
            except (ModelError, DeviceError) as e:
                problems[value.text] = str(e)
        if len(runners) == 1:
            return best, [Trial(option.name, name, problem=problem) for name, problem in problems.items()]
        found = compare(runners, rounds=self._rounds)
        ratios = {name: found.ratio(name, "", confidence=CONFIDENCE) for name in runners if name}
        winners = sorted((name for name, ratio in ratios.items() if wins(ratio)), key=lambda name: ratios[name].median)
        kept = next(iter(winners), None)
        trials = [
            _trial(option, value, found[value.text].median, ratios[value.text], kept)
            if value.text in ratios
            else Trial(option.name, value.text, problem=problems[value.text])
            for value, _ in others
        ]
        return next((settings for value, settings in others if value.text == kept), best), trials

    def _confirmed(self, start: Settings, best: Settings, trials: Sequence[Trial]) -> Tuned:
        self._progress("trying what was kept")
        runners = {"start": self._opened(start).run}
        if best != start:
            runners["best"] = self._checked(best)
        found = compare(runners, rounds=self._rounds)
        before = found["start"].median
        ratio = found.ratio("best", "start", confidence=CONFIDENCE) if best != start else None
        if ratio is None or not wins(ratio):
            return Tuned(start, tuple(trials), before, before, None)
        return Tuned(best, tuple(trials), before, found["best"].median, ratio)

    def _checked(self, settings: Settings) -> Runner:
        """Raises ModelError where the session fails, or computes something else than the start."""
        opened = self._opened(settings)
        opened.run()
        seen = agreement(opened.outputs(), self._wanted, self._allowed)
        if not seen.holds:
            raise ModelError(f"computes something else: {seen}")
        return opened.run

    def _opened(self, settings: Settings) -> Opened:
        return self._open(settings)


def _trial(option: Option, value: Value, seconds: float, ratio: Interval, kept: str | None) -> Trial:
    return Trial(option.name, value.text, seconds, ratio, kept == value.text)


def opener(model: Path, device: str, batch: int, sizes: Sizes) -> tuple[Open, str]:
    """What opens a model with settings, its inputs random and bound; and the precision of its arithmetic.

    Raises ModelError where the model does not take the batch or the sizes, and DeviceError where there is no device.
    """
    session = open_session(model, device=device)
    shapes = input_shapes(session.inputs, batch, sizes)
    inputs = random_inputs(session.inputs, shapes)

    def open(settings: Settings) -> Opened:
        bound = Bound(open_session(model, device=device, settings=settings), inputs)
        return Opened(bound, bound.outputs)

    return open, workload(model, shapes).precision
