"""``--format sarif``: SARIF 2.1.0 (OASIS, errata 01), for GitHub's code scanning and for editors.

Each kind of mistake is a rule, each mistake a result at its place. Columns count Unicode characters, and lone carriage
returns end a line as they do in YAML; the run says both. Paths are relative to the root of the repository, which has
the base id ``%SRCROOT%`` and no address of its own, so that the file reads the same on every machine.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from archc.checking.formats import Part
from archc.checking.formats._wording import full_message, snapshot_message
from archc.checking.place import Place, place_of, repository_root, uri
from archc.checking.report import Report
from archc.diagnostics.codes import CODES
from archc.diagnostics.diagnostic import Label
from archc.diagnostics.span import Source
from archc.display.text import clean
from archc.version import __version__

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT = "archcMistake/v1"
RULES = {
    **CODES,
    "stale-snapshot": "The table beside a spec is not that of its networks.",
    "orphan-snapshot": "A table stands beside no spec.",
}
_HELP = {
    "unmet-expectation": "Change the network so that it holds, or the figure if the change was meant.",
    "stale-snapshot": "Run `archc check --update` and read the diff of the table.",
    "orphan-snapshot": "Delete the table.",
}


@dataclass(frozen=True, slots=True)
class _Found:
    """``identity`` tells results of one rule in one file apart, and does not change when lines move."""

    rule: str
    level: str
    message: str
    place: Place
    identity: str
    related: tuple[tuple[str, Place], ...] = ()


class SarifFormat:
    """One log with one run."""

    def parts(self, report: Report, *, color: bool) -> Iterator[Part]:
        yield Part(json.dumps(_log(list(_found(report))), indent=2, ensure_ascii=False) + "\n")


def _found(report: Report) -> Iterator[_Found]:
    sources = report.sources
    for d in report.mistakes:
        related = tuple(_related(label, sources) for label in d.secondary)
        line = d.span.source.line(d.span.line)
        identity = f"{line.strip()} {d.span.column - len(line) + len(line.lstrip())}"
        yield _Found(d.code, d.severity, full_message(d), place_of(d.span, sources), identity, related)
    for s in report.snapshots:
        if s.bad:
            place = Place(s.path.absolute(), s.line, 1, s.line, 1)
            yield _Found(s.code, "error", snapshot_message(s), place, s.spec)


def _related(label: Label, sources: Mapping[Source, Path]) -> tuple[str, Place]:
    return clean(label.text) or "here, too", place_of(label.span, sources)


def _log(found: list[_Found]) -> dict[str, Any]:
    root = repository_root()
    rules = sorted({f.rule for f in found})
    seen: Counter[str] = Counter()
    run = {
        "tool": {
            "driver": {
                "name": "archc",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(rule) for rule in rules],
            }
        },
        "invocations": [{"executionSuccessful": True}],
        "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The root of the repository."}}},
        "columnKind": "unicodeCodePoints",
        "newlineSequences": ["\r\n", "\r", "\n"],
        "results": [_result(f, rules.index(f.rule), root, seen) for f in found],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(code: str) -> dict[str, Any]:
    said = RULES[code]
    return {"id": code, "shortDescription": {"text": said}, "help": {"text": _HELP.get(code, said)}}


def _result(found: _Found, rule: int, root: Path, seen: Counter[str]) -> dict[str, Any]:
    location = _location(found.place, root)
    result: dict[str, Any] = {
        "ruleId": found.rule,
        "ruleIndex": rule,
        "level": found.level,
        "message": _message(found.message),
        "locations": [location],
    }
    if found.related:
        result["relatedLocations"] = [
            {"id": i, **_location(place, root), "message": _message(text)}
            for i, (text, place) in enumerate(found.related, 1)
        ]
    result["partialFingerprints"] = {FINGERPRINT: _fingerprint(found, root, seen)}
    return result


def _location(place: Place, root: Path) -> dict[str, Any]:
    path = place.relative(root)
    artifact = {"uri": uri(path)} if Path(path).is_absolute() else {"uri": uri(path), "uriBaseId": "%SRCROOT%"}
    region = {"startLine": place.line, "startColumn": place.column}
    region |= {"endLine": place.end_line, "endColumn": place.end_column}
    return {"physicalLocation": {"artifactLocation": artifact, "region": region}}


def _message(text: str) -> dict[str, str]:
    """Text in which nothing acts as a link (SARIF 2.1.0, 3.11.6)."""
    return {"text": re.sub(r"\[(?=[^\]]*\]\()", r"\\[", text)}


def _fingerprint(found: _Found, root: Path, seen: Counter[str]) -> str:
    """What stays when the lines around a mistake change; equal mistakes on equal lines are counted."""
    text = "\0".join([found.rule, found.place.relative(root), found.identity])
    seen[text] += 1
    return sha256(f"{text}\0{seen[text]}".encode(errors="backslashreplace")).hexdigest()[:32]


format = SarifFormat()
