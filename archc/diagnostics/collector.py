"""Gathers what is found wrong, so that one run reports it all."""

from __future__ import annotations

from collections.abc import Iterable

from archc.diagnostics.diagnostic import CompileError, Diagnostic

LIMIT = 50  # nobody reads more, and a spec in a loop could make millions


class Collector:
    """Diagnostics in the order found. One place is reported once for each code, however often a block is called."""

    def __init__(self, found: Iterable[Diagnostic] = ()) -> None:
        self.diagnostics: list[Diagnostic] = []
        self._seen: set[tuple[str, int, int, int]] = set()
        self.extend(found)

    def add(self, diagnostic: Diagnostic) -> None:
        span = diagnostic.span
        key = (diagnostic.code, id(span.source), span.start, span.end)
        if key not in self._seen and len(self.diagnostics) < LIMIT:
            self._seen.add(key)
            self.diagnostics.append(diagnostic)

    def extend(self, found: Iterable[Diagnostic]) -> None:
        for diagnostic in found:
            self.add(diagnostic)

    @property
    def full(self) -> bool:
        """Whether nothing more is taken."""
        return len(self.diagnostics) >= LIMIT

    @property
    def failed(self) -> bool:
        return any(d.severity == "error" for d in self.diagnostics)

    @property
    def sorted(self) -> list[Diagnostic]:
        """By place; files in the order in which something was found in them."""
        files: dict[int, int] = {}
        for d in self.diagnostics:
            files.setdefault(id(d.span.source), len(files))
        return sorted(self.diagnostics, key=lambda d: (files[id(d.span.source)], d.span.start))

    def check(self) -> None:
        """Raise CompileError if there is an error."""
        if self.failed:
            raise CompileError(self.sorted)
