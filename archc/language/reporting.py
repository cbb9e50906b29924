"""What is wrong with a network while it is built: reported with the calls that led there, and bounded."""

from __future__ import annotations

from typing import NoReturn

from archc.diagnostics import errors
from archc.diagnostics.collector import Collector
from archc.diagnostics.diagnostic import Diagnostic
from archc.diagnostics.span import Span
from archc.graph.graph import Origin
from archc.language import limits


class Poisoned(Exception):  # noqa: N818 - a signal, already reported
    """The value can't be known, and why was already reported."""


class Exhausted(Exception):  # noqa: N818 - likewise
    """A bound of the whole network was reached, and reported: nothing more is built."""


class Reporter:
    """Reports mistakes and counts the work of one network. ``origin`` is the call of the block that is being built."""

    def __init__(self, collector: Collector) -> None:
        self.collector = collector
        self.steps = 0
        self.origin: Origin | None = None

    def fail(self, diagnostic: Diagnostic) -> NoReturn:
        self.report(diagnostic)
        raise Poisoned

    def report(self, diagnostic: Diagnostic) -> None:
        """Report, with the calls that led here. Raises Exhausted where that was the last that is reported."""
        self.collector.add(errors.within(diagnostic, self.origin))
        if self.collector.full:
            raise Exhausted

    def exhaust(self, diagnostic: Diagnostic) -> NoReturn:
        """Report, and stop building."""
        self.report(diagnostic)
        raise Exhausted

    def step(self, count: int, span: Span) -> None:
        """Count work. Raises Exhausted when there was too much."""
        self.steps += count
        if self.steps > limits.STEPS:
            self.exhaust(errors.too_many_steps(span, limits.STEPS))
