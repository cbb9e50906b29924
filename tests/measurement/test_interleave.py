"""Candidates in turn: who runs when, what is timed, and what is said of it. The clock is the test's own."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import pytest

from archc.measurement import Warmup, compare

ONE = {"turn": 0.0, "settle": 0.0}  # one untimed and one timed call a turn


class Machine:
    """Candidates that take the time that they are given, on a clock that nothing else moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.order: list[str] = []

    def candidate(self, name: str, seconds: Iterator[float] | float) -> Callable[[], None]:
        def run() -> None:
            self.order.append(name)
            self.now += seconds if isinstance(seconds, float) else next(seconds)

        return run


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr("archc.measurement.interleave.perf_counter", lambda: made.now)
    monkeypatch.setattr("archc.measurement.interleave.process_time", lambda: 2 * made.now)
    return made


def test_every_candidate_has_a_turn_a_round_and_each_is_first_in_its_turn(machine: Machine) -> None:
    names = ["a", "b", "c"]
    compare({n: machine.candidate(n, 1.0) for n in names}, rounds=3, warmup=Warmup(1), **ONE)
    turns = machine.order[-18::2]  # the untimed call of each turn stands for it
    assert turns == [*"abc", *"bca", *"cab"]


def test_ratios_are_of_one_round(machine: Machine) -> None:
    slow_machine = [1.0, 1.0, 5.0, 1.0, 5.0, 5.0, 1.0, 1.0]
    twice = [t for t in slow_machine for _ in range(2)]  # the untimed call and the timed one
    warm = [1.0] * 5
    ours = machine.candidate("ours", iter([*warm, *twice]))
    theirs = machine.candidate("theirs", iter([2 * t for t in (*warm, *twice)]))
    found = compare({"ours": ours, "theirs": theirs}, rounds=8, warmup=Warmup(2), **ONE)
    ratio = found.ratio("ours", "theirs")
    assert (ratio.low, ratio.median, ratio.high) == (0.5, 0.5, 0.5)
    assert found.ratio("theirs", "ours", clock="cpu").median == 2.0
    assert found["ours"].cpu == tuple(2 * t for t in slow_machine)


def test_short_calls_are_timed_many_times_a_round(machine: Machine) -> None:
    found = compare({"a": machine.candidate("a", 0.125)}, rounds=4, turn=0.5, warmup=Warmup(1))
    assert len(found["a"].calls) == 16
    assert len(found["a"].rounds) == len(found["a"].cpu) == 4
    assert found["a"].median == found["a"].percentile(99) == 0.125


def test_rounds_go_on_until_the_seconds_have_passed(machine: Machine) -> None:
    seen: list[int] = []
    found = compare(
        {"a": machine.candidate("a", 1.0)}, rounds=3, seconds=7.0, turn=0.0, warmup=Warmup(1), progress=seen.append
    )
    assert len(found["a"].rounds) == 7
    assert seen == [1, 2, 3, 4, 5, 6, 7]


def test_warming_up_ends_when_two_windows_agree(machine: Machine) -> None:
    calls = [9.0, 4.0, 4.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0] + [1.0] * 3
    found = compare({"a": machine.candidate("a", iter(calls))}, rounds=3, turn=0.0, warmup=Warmup(2, seconds=100))
    assert found["a"].steady
    assert found["a"].warmup == 9  # the first call, and windows of 4, 2, 1 and 1 seconds
    assert found["a"].calls == (1.0, 1.0, 1.0)


def test_what_never_gets_steady_is_measured_and_says_so(machine: Machine) -> None:
    def slower() -> Iterator[float]:
        time = 1.0
        while True:
            yield time
            time *= 1.5

    found = compare({"a": machine.candidate("a", slower())}, rounds=2, turn=0.0, warmup=Warmup(1, seconds=10))
    assert not found["a"].steady
    assert len(found["a"].rounds) == 2


def test_garbage_is_not_collected_within_and_is_again_afterwards(machine: Machine) -> None:
    seen: list[bool] = []

    def fails() -> None:
        seen.append(gc.isenabled())
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        compare({"a": fails})
    assert seen == [False]
    assert gc.isenabled()


def test_nothing_to_compare_is_an_error() -> None:
    with pytest.raises(ValueError, match="a candidate"):
        compare({})
    with pytest.raises(ValueError, match="a round"):
        compare({"a": lambda: None}, rounds=0)
