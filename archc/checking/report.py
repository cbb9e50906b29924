"""What a check found: data alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from archc.diagnostics.diagnostic import Diagnostic
from archc.diagnostics.span import Source
from archc.language.expect import Expectation

State = Literal["ok", "failed", "error"]


@dataclass(frozen=True)
class Variant:
    """One network of a file. ``diagnostics`` are those that compiling it gave; ``seconds`` is wall time."""

    name: str
    compiles: bool
    diagnostics: Sequence[Diagnostic]
    expectations: Sequence[Expectation]
    seconds: float

    @property
    def unmet(self) -> list[Expectation]:
        return [e for e in self.expectations if not e.holds]

    @property
    def state(self) -> State:
        """``error`` if the spec is wrong; ``failed`` if it compiles and something expected of it does not hold."""
        if has_errors(self.diagnostics):
            return "error"
        return "failed" if self.unmet else "ok"


@dataclass(frozen=True)
class Snapshot:
    """A table file beside a spec.

    ``line`` is the first that differs, from 1, and ``diff`` the start of a unified diff from the file to what the
    tables are now. An ``orphan`` is a snapshot that belongs to no spec.
    """

    path: Path
    state: Literal["current", "written", "stale", "orphan"]
    spec: str
    line: int = 1
    diff: Sequence[str] = ()

    @property
    def bad(self) -> bool:
        return self.state in ("stale", "orphan")

    @property
    def code(self) -> str:
        return f"{self.state}-snapshot"

    @property
    def message(self) -> str:
        if self.state == "orphan":
            return f"{self.path.name} shows the tables of {self.spec}, which holds no network"
        return f"{self.path.name} differs from the tables of {self.spec}"

    @property
    def help(self) -> str:
        if self.state == "orphan":
            return "delete it"
        return "`archc check --update` writes it anew"


@dataclass(frozen=True)
class Checked:
    """What was found of one file. ``variants`` is empty for a file that only holds blocks.

    ``diagnostics`` are all that concern the file and what it uses, each once, in order of place; ``sources`` says
    which file each text was read from.
    """

    path: Path
    name: str
    variants: Sequence[Variant]
    diagnostics: Sequence[Diagnostic]
    sources: Mapping[Source, Path]
    snapshot: Snapshot | None = None
    seconds: float = 0.0

    @property
    def unmet(self) -> list[tuple[str, Expectation]]:
        """Each with its variant."""
        return [(v.name, e) for v in self.variants for e in v.unmet]

    @property
    def stale(self) -> bool:
        return self.snapshot is not None and self.snapshot.bad

    @property
    def state(self) -> State:
        if has_errors(self.diagnostics):
            return "error"
        return "failed" if self.unmet or self.stale else "ok"


@dataclass(frozen=True)
class Report:
    """What was found of all files. ``orphans`` are snapshots without a spec."""

    files: Sequence[Checked]
    orphans: Sequence[Snapshot] = ()

    @cached_property
    def sources(self) -> dict[Source, Path]:
        return {source: path for file in self.files for source, path in file.sources.items()}

    @cached_property
    def diagnostics(self) -> list[Diagnostic]:
        """Of all files. A place is reported once for each code, also where several files use the one at fault."""
        seen: dict[tuple[str, str, int, int], Diagnostic] = {}
        for d in (d for file in self.files for d in file.diagnostics):
            path = self.sources.get(d.span.source)
            name = d.span.source.name if path is None else os.path.realpath(path)
            seen.setdefault((d.code, name, d.span.start, d.span.end), d)
        return list(seen.values())

    def unmet(self) -> Iterator[tuple[Checked, str, Expectation]]:
        """What does not hold, with its file and its variant."""
        for file in self.files:
            for variant, expectation in file.unmet:
                yield file, variant, expectation

    @property
    def mistakes(self) -> list[Diagnostic]:
        """The diagnostics, and what does not hold said as they are."""
        return [*self.diagnostics, *(e.diagnostic(variant) for _, variant, e in self.unmet())]

    @property
    def snapshots(self) -> list[Snapshot]:
        return [*(f.snapshot for f in self.files if f.snapshot is not None), *self.orphans]

    @property
    def state(self) -> State:
        """``error`` if a spec is wrong, else ``failed`` if anything does not hold."""
        states = {file.state for file in self.files}
        if "error" in states:
            return "error"
        return "failed" if "failed" in states or self.orphans else "ok"


def has_errors(diagnostics: Sequence[Diagnostic]) -> bool:
    """Whether there are errors, not warnings alone."""
    return any(d.severity == "error" for d in diagnostics)
