"""``--format json``: all that a check found, for programs.

The keys are stable: new ones may be added, none changes its meaning while ``format`` is 1. ::

    format       1
    state        ok | failed | error
    files        [{file, state, variants: [{name, state}]}]; no variants where a file only holds blocks
    diagnostics  [{code, severity, message, label, notes, help, related: [{message, + place}], + place}]
    unmet        [{variant, what, found, expected, + place}]
    snapshots    [{file, spec, state, line, diff, help}]; state: current | written | stale | orphan
    totals       {files, variants, errors, warnings, unmet, stale}
    place        file, line, column, end_line, end_column

Lines and columns count from 1, columns in Unicode characters; ``end_column`` is that after the last character. Files
are as seen from the current folder where they are below it, else absolute. What there is not is null.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from archc.checking.formats import Part
from archc.checking.place import place_of, relative
from archc.checking.report import Checked, Report, Snapshot
from archc.diagnostics.diagnostic import Diagnostic
from archc.diagnostics.span import Source, Span


class JsonFormat:
    """One object over several lines."""

    def parts(self, report: Report, *, color: bool) -> Iterator[Part]:
        yield Part(json.dumps(_data(report), indent=2, ensure_ascii=False) + "\n")


def _data(report: Report) -> dict[str, Any]:
    sources = report.sources
    return {
        "format": 1,
        "state": report.state,
        "files": [_file(file) for file in report.files],
        "diagnostics": [_diagnostic(d, sources) for d in report.diagnostics],
        "unmet": [
            {"variant": variant, "what": e.what, "found": e.found, "expected": e.expected, **_place(e.span, sources)}
            for _, variant, e in report.unmet()
        ],
        "snapshots": [_snapshot(snapshot) for snapshot in report.snapshots],
        "totals": _totals(report),
    }


def _file(file: Checked) -> dict[str, Any]:
    variants = [{"name": v.name, "state": v.state} for v in file.variants]
    return {"file": _path(file.path), "state": file.state, "variants": variants}


def _diagnostic(d: Diagnostic, sources: Mapping[Source, Path]) -> dict[str, Any]:
    return {
        "code": d.code,
        "severity": d.severity,
        "message": d.message,
        "label": d.primary.text or None,
        **_place(d.span, sources),
        "related": [{"message": label.text, **_place(label.span, sources)} for label in d.secondary],
        "notes": list(d.notes),
        "help": d.help,
    }


def _place(span: Span, sources: Mapping[Source, Path]) -> dict[str, Any]:
    place = place_of(span, sources)
    return {
        "file": place.relative(Path.cwd()),
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
    }


def _snapshot(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "file": _path(snapshot.path),
        "spec": snapshot.spec,
        "state": snapshot.state,
        "line": snapshot.line if snapshot.bad else None,
        "diff": list(snapshot.diff),
        "help": snapshot.help if snapshot.bad else None,
    }


def _totals(report: Report) -> dict[str, int]:
    errors = sum(d.severity == "error" for d in report.diagnostics)
    return {
        "files": len(report.files),
        "variants": sum(len(file.variants) for file in report.files),
        "errors": errors,
        "warnings": len(report.diagnostics) - errors,
        "unmet": sum(1 for _ in report.unmet()),
        "stale": sum(snapshot.bad for snapshot in report.snapshots),
    }


def _path(path: Path) -> str:
    return relative(path.absolute(), Path.cwd())


format = JsonFormat()
