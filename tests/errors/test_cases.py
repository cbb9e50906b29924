"""Every case file shows exactly the codes that its header names, and is rendered as its golden says.

A case is ``cases/<name>.yaml``. Its first comment lines say ``# error: code, …`` or ``# warning: code, …``.
It is checked as ``archc check`` does.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import archc
from archc.checking import check_file
from archc.diagnostics.collector import Collector
from archc.diagnostics.diagnostic import Diagnostic
from archc.diagnostics.render import render

CASES = Path(__file__).parent / "cases"
RUN = {"bad-gradient", "onnx-differs"}  # found where networks are run: tests/checking/test_plugin.py
NAMES = sorted(p.stem for p in CASES.glob("*.yaml"))


def header(text: str) -> dict[str, str]:
    """The ``# severity: codes`` lines that a case begins with."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = re.fullmatch(r"# (error|warning): (.*)", line)
        if not match:
            break
        found[match[1]] = match[2]
    return found


def said_by(name: str) -> dict[str, str]:
    """The header of a case; the rest of it need not even be UTF-8."""
    return header((CASES / f"{name}.yaml").read_text(encoding="utf-8", errors="replace"))


def codes(text: str | None) -> set[str]:
    return set((text or "").replace(",", " ").split())


def diagnose(path: str) -> list[Diagnostic]:
    """What is said of a file."""
    checked = check_file(Path(path))
    collector = Collector(checked.diagnostics)
    collector.extend(expectation.diagnostic(variant) for variant, expectation in checked.unmet)
    return collector.sorted


@pytest.mark.parametrize("name", NAMES)
def test_case(name: str, golden: Callable[[Path, str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CASES)
    said = said_by(name)
    found = diagnose(f"{name}.yaml")
    for severity in ("error", "warning"):
        assert {d.code for d in found if d.severity == severity} == codes(said.get(severity)), render(found)
    assert found, "a case has to show something"
    golden(CASES / f"{name}.out", render(found, width=100) + "\n")


def test_every_golden_has_its_case() -> None:
    assert {p.stem for p in CASES.glob("*.out")} <= set(NAMES)


def test_every_code_has_a_case() -> None:
    """The codes that the wording knows are those that the cases show."""
    shown = {code for name in NAMES for code in codes(" ".join(_severities(name)))}
    assert not set(known_codes()) - shown - RUN


def _severities(name: str) -> list[str]:
    said = said_by(name)
    return [said.get("error", ""), said.get("warning", "")]


def known_codes() -> list[str]:
    """Codes as they stand in the source of the package: first arguments of Diagnostic, OpError and ArgumentError."""
    root = Path(archc.__file__).parent
    found: list[str] = []
    for path in sorted(root.rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call) or not call.args:
                continue
            name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
            first = call.args[0]
            if name in ("Diagnostic", "OpError", "ArgumentError") and isinstance(first, ast.Constant):
                found.append(str(first.value))
    return found
