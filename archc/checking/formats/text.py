"""``--format text``: for people."""

from __future__ import annotations

from collections.abc import Iterator

from archc.checking.formats import Part
from archc.checking.report import Checked, Report, Snapshot
from archc.diagnostics.render import render
from archc.display.numbers import count
from archc.display.tables import aligned
from archc.display.text import clean


class TextFormat:
    """A line for each file, what does not hold below it, then the diagnostics with their excerpts, then the verdict."""

    def parts(self, report: Report, *, color: bool) -> Iterator[Part]:
        width = max((len(clean(file.name)) for file in report.files), default=0)
        for file in report.files:
            yield Part("\n".join(_file(file, width)) + "\n")
        for orphan in report.orphans:
            yield Part(f"{clean(str(orphan.path))}  {orphan.message}: {orphan.help}\n")
        if report.diagnostics:
            yield Part(render(report.diagnostics, color=color).rstrip("\n") + "\n", aside=True)
        yield Part(_verdict(report) + "\n")


def _file(file: Checked, width: int) -> Iterator[str]:
    unread = "?" if file.state == "error" else "blocks"
    what = count(len(file.variants), "variant") if file.variants else unread
    yield f"{clean(file.name):<{width}}  {what:>12}   {_state(file)}"
    yield from (f"  {line}" for line in aligned(_cells(file), "<<<<<"))
    if file.snapshot is not None:
        yield from _snapshot(file.snapshot)


def _state(file: Checked) -> str:
    errors = sum(d.severity == "error" for d in file.diagnostics)
    if errors:
        return count(errors, "error")
    failed = [f"{len(file.unmet)} failed"] * bool(file.unmet) + ["table differs"] * file.stale
    return ", ".join(failed) or "ok"


def _cells(file: Checked) -> list[tuple[str, str, str, str, str]]:
    return [
        (variant, e.what, e.found, f"expected {e.expected}", f"({clean(e.span.source.name)}:{e.span.line})")
        for variant, e in file.unmet
    ]


def _snapshot(snapshot: Snapshot) -> Iterator[str]:
    if snapshot.state == "written":
        yield f"  {clean(snapshot.path.name)} written"
    elif snapshot.bad:
        yield f"  {snapshot.message}; {snapshot.help}"
        yield from (f"    {line}" for line in snapshot.diff)


def _verdict(report: Report) -> str:
    broken = sum(file.state == "error" for file in report.files)
    failed = sum(len(file.unmet) for file in report.files)
    stale = sum(snapshot.bad for snapshot in report.snapshots)
    written = sum(snapshot.state == "written" for snapshot in report.snapshots)
    counted = f"{count(len(report.files), 'file')}, {count(sum(len(f.variants) for f in report.files), 'variant')}"
    said = [
        *[f"{broken} with errors"] * bool(broken),
        *[f"{failed} failed"] * bool(failed),
        *[f"{count(stale, 'table')} out of date"] * bool(stale),
    ]
    wrote = f"; {count(written, 'table')} written" if written else ""
    return f"{counted}: {', '.join(said) or 'all as expected'}{wrote}"


format = TextFormat()
