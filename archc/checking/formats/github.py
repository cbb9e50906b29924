"""``--format github``: workflow commands, which GitHub Actions turns into annotations.

After GitHub's "Workflow commands for GitHub Actions" and the escaping of ``@actions/core``: ``%``, CR and LF in
messages, ``:`` and ``,`` in properties too. Columns are given where a place is on one line, for GitHub drops them
otherwise; ``endColumn`` is that of the last character.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from archc.checking.formats import Part
from archc.checking.formats._wording import full_message, snapshot_message
from archc.checking.place import Place, place_of, repository_root
from archc.checking.report import Report


class GithubFormat:
    """One command a line for each mistake, in the order of files; nothing where there is none."""

    def parts(self, report: Report, *, color: bool) -> Iterator[Part]:
        root = repository_root()
        for d in report.mistakes:
            yield _command(d.severity, d.code, full_message(d), place_of(d.span, report.sources), root)
        for snapshot in report.snapshots:
            if snapshot.bad:
                place = Place(snapshot.path.absolute(), snapshot.line, 1, snapshot.line, 1)
                yield _command("error", snapshot.code, snapshot_message(snapshot), place, root)


def _command(level: str, code: str, message: str, place: Place, root: Path) -> Part:
    """``::error file=…,line=…,…::file:line:column: message``: the log shows no more than the message."""
    file = place.relative(root)
    properties: dict[str, object] = {"file": file, "line": place.line, "endLine": place.end_line}
    if place.line == place.end_line:
        properties |= {"col": place.column, "endColumn": max(place.column, place.end_column - 1)}
    properties["title"] = f"archc {code}"
    listed = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items())
    return Part(f"::{level} {listed}::{_data(f'{file}:{place.line}:{place.column}: {message}')}\n")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


format = GithubFormat()
