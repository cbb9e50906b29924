"""``--format junit``: JUnit XML as Jenkins, GitLab and test reporters read it (the xUnit plugin's ``junit-10.xsd``).

A file is a test suite. Its tests are, for each variant, that it compiles and each line of its ``expect``; that what
else the file says is right; and its snapshot, where there is one. What does not hold is a failure, a mistake in a spec
an error, and warnings stand in the suite's output. Times are seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element, SubElement

from archc.checking.formats import Part
from archc.checking.report import Checked, Report, Snapshot, Variant, has_errors
from archc.diagnostics.diagnostic import Diagnostic
from archc.diagnostics.render import render
from archc.display.text import visible


@dataclass(frozen=True, slots=True)
class _Test:
    name: str
    seconds: float = 0.0
    outcome: Literal["passed", "failure", "error"] = "passed"
    type: str = ""
    message: str = ""
    text: str = ""


class JunitFormat:
    """One document, with a suite for each file."""

    def parts(self, report: Report, *, color: bool) -> Iterator[Part]:
        suites = [(file.name, file.seconds, list(_tests(file)), _warnings(file)) for file in report.files]
        suites += [(str(s.path), 0.0, [_snapshot(s)], "") for s in report.orphans]
        root = Element("testsuites", name="archc check")
        for name, seconds, tests, warnings in suites:
            _suite(root, name, seconds, tests, warnings)
        every = [test for _, _, tests, _ in suites for test in tests]
        _counts(root, every, sum(seconds for _, seconds, _, _ in suites))
        ET.indent(root)
        yield Part(f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n')


def _tests(file: Checked) -> Iterator[_Test]:
    """The tests of a file; one at least."""
    told: set[int] = set()
    for variant in file.variants:
        yield from _variant(variant)
        told |= {id(d) for d in variant.diagnostics}
    rest = [d for d in file.diagnostics if d.severity == "error" and id(d) not in told]
    if rest or not file.variants:
        yield _spec("spec", rest, 0.0)
    if file.snapshot is not None:
        yield _snapshot(file.snapshot)


def _variant(variant: Variant) -> Iterator[_Test]:
    """That it compiles; each line of its ``expect``; and those lines that mean nothing, together."""
    name, diagnostics = variant.name, variant.diagnostics
    yield _spec(f"{name}: compiles", () if variant.compiles else diagnostics, variant.seconds)
    for e in variant.expectations:
        test = f"{name}: {e.what}"
        if e.holds:
            yield _Test(test)
        else:
            d = e.diagnostic(name)
            yield _Test(test, 0.0, "failure", d.code, f"{d.span}: {d.message}", render([d]))
    if variant.compiles and has_errors(diagnostics):
        yield _spec(f"{name}: expect", diagnostics, 0.0)


def _spec(name: str, diagnostics: Sequence[Diagnostic], seconds: float) -> _Test:
    if not has_errors(diagnostics):
        return _Test(name, seconds)
    errors = [d for d in diagnostics if d.severity == "error"]
    codes = ", ".join(dict.fromkeys(d.code for d in errors))
    message = "; ".join(f"{d.span}: {d.message}" for d in errors)
    return _Test(name, seconds, "error", codes, message, render(errors))


def _snapshot(snapshot: Snapshot) -> _Test:
    if not snapshot.bad:
        return _Test(snapshot.path.name)
    text = "\n".join([f"{snapshot.path}:{snapshot.line}", *snapshot.diff, snapshot.help])
    return _Test(snapshot.path.name, 0.0, "failure", snapshot.code, f"{snapshot.message}; {snapshot.help}", text)


def _warnings(file: Checked) -> str:
    return render([d for d in file.diagnostics if d.severity == "warning"])


def _suite(root: Element, name: str, seconds: float, tests: Sequence[_Test], warnings: str) -> None:
    suite = SubElement(root, "testsuite", name=_legal(name), file=_legal(name))
    _counts(suite, tests, seconds)
    for test in tests:
        case = SubElement(suite, "testcase", classname=_legal(name), name=_legal(test.name), time=_time(test.seconds))
        if test.outcome != "passed":
            what = SubElement(case, test.outcome, type=_legal(test.type), message=_legal(test.message))
            what.text = _legal(test.text)
    if warnings:
        SubElement(suite, "system-out").text = _legal(warnings)


def _counts(element: Element, tests: Sequence[_Test], seconds: float) -> None:
    element.set("tests", str(len(tests)))
    element.set("failures", str(sum(test.outcome == "failure" for test in tests)))
    element.set("errors", str(sum(test.outcome == "error" for test in tests)))
    element.set("time", _time(seconds))


def _time(seconds: float) -> str:
    return f"{seconds:.3f}"


def _legal(text: str) -> str:
    """Text that XML 1.0 may hold: other control characters are shown as pictures of themselves."""
    return "".join(c if c in "\n\t" else visible(c) for c in text)


format = JunitFormat()
