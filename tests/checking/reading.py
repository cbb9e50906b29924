"""Reads mistakes back from each format, by its own rules and not by archc's code."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from tests.support.cli import Outcome


class Mistake(NamedTuple):
    """Where a format says that what is wrong."""

    file: str
    line: int
    code: str


def from_text(result: Outcome) -> list[Mistake]:
    heads = re.findall(r"^(?:error|warning)\[(.+)\].*\n *--> (.+):(\d+):\d+$", result.err, re.MULTILINE)
    unmet = re.findall(r"^  .* expected .*?  \((.+):(\d+)\)$", result.out, re.MULTILINE)
    tables = re.findall(r"^  (.+) differs from the tables of", result.out, re.MULTILINE)
    return [
        *(Mistake(file, int(line), code) for code, file, line in heads),
        *(Mistake(file, int(line), "unmet-expectation") for file, line in unmet),
        *(Mistake(file, 0, "stale-snapshot") for file in tables),
    ]


def from_json(result: Outcome) -> list[Mistake]:
    data = json.loads(result.out)
    assert data["totals"]["errors"] + data["totals"]["warnings"] == len(data["diagnostics"])
    assert data["totals"]["unmet"] == len(data["unmet"])
    return [
        *(Mistake(d["file"], d["line"], d["code"]) for d in data["diagnostics"]),
        *(Mistake(u["file"], u["line"], "unmet-expectation") for u in data["unmet"]),
        *(Mistake(s["file"], s["line"], "stale-snapshot") for s in data["snapshots"] if s["state"] == "stale"),
    ]


class Command(NamedTuple):
    """A workflow command as the runner reads it."""

    name: str
    properties: dict[str, str]
    message: str


def commands(text: str) -> list[Command]:
    """Each line as ``actions/runner`` takes it apart: at commas and ``=``, then unescaped, ``%25`` last."""
    found: list[Command] = []
    for line in text.splitlines():
        match = re.fullmatch(r"::(\w+) ([^:]*)::(.*)", line)
        assert match, line
        pairs = (pair.split("=", 1) for pair in match[2].split(","))
        properties = {key: _unescaped(value, {"%3A": ":", "%2C": ","}) for key, value in pairs}
        found.append(Command(match[1], properties, _unescaped(match[3], {})))
    return found


def _unescaped(text: str, more: dict[str, str]) -> str:
    for escape, char in {"%0D": "\r", "%0A": "\n", **more, "%25": "%"}.items():
        text = text.replace(escape, char)
    return text


def from_github(result: Outcome) -> list[Mistake]:
    found: list[Mistake] = []
    for command in commands(result.out):
        code = re.fullmatch(r"archc ([a-z-]+)", command.properties["title"])
        assert code
        found.append(Mistake(command.properties["file"], int(command.properties["line"]), code[1]))
    return found


def from_sarif(result: Outcome) -> list[Mistake]:
    (run,) = json.loads(result.out)["runs"]
    found: list[Mistake] = []
    for r in run["results"]:
        assert run["tool"]["driver"]["rules"][r["ruleIndex"]]["id"] == r["ruleId"]
        (location,) = r["locations"]
        physical = location["physicalLocation"]
        uri = unquote(physical["artifactLocation"]["uri"])
        found.append(Mistake(uri, physical["region"]["startLine"], r["ruleId"]))
    return found


def from_junit(result: Outcome) -> list[Mistake]:
    found: dict[Mistake, None] = {}  # of several variants, each says what hinders it
    for what in ET.fromstring(result.out.encode()).iterfind(".//testcase/*"):
        heads = re.findall(r"^(?:error|warning)\[(.+)\].*\n *--> (.+):(\d+):\d+$", what.text or "", re.MULTILINE)
        tables = re.findall(r"^(.+):(\d+)\n", what.text or "") if what.get("type") == "stale-snapshot" else []
        assert heads or tables
        found |= {Mistake(file, int(line), code): None for code, file, line in heads}
        found |= {Mistake(file, int(line), "stale-snapshot"): None for file, line in tables}
    return list(found)


READERS: dict[str, Callable[[Outcome], list[Mistake]]] = {
    "text": from_text,
    "json": from_json,
    "github": from_github,
    "sarif": from_sarif,
    "junit": from_junit,
}
