"""Each code of a diagnostic has its sentence."""

from __future__ import annotations

import ast
from pathlib import Path

import archc
from archc.diagnostics.codes import CODES

MAKERS = {"Diagnostic", "OpError"}


def used() -> set[str]:
    """The texts that archc's code uses as codes: the first argument of what makes a diagnostic, and its choices."""
    found: set[str] = set()
    for file in Path(archc.__file__).parent.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for call in (n for n in ast.walk(tree) if isinstance(n, ast.Call)):
            if isinstance(call.func, ast.Name) and call.func.id in MAKERS and call.args:
                found |= {n.value for n in ast.walk(call.args[0]) if isinstance(n, ast.Constant)}
        for assign in (n for n in ast.walk(tree) if isinstance(n, ast.Assign)):
            if [getattr(t, "id", "") for t in assign.targets] == ["code"] and isinstance(assign.value, ast.IfExp):
                found |= {n.value for n in (assign.value.body, assign.value.orelse) if isinstance(n, ast.Constant)}
    return found


def test_each_code_has_a_sentence_and_each_sentence_a_code() -> None:
    assert set(CODES) == used()
    assert all(said[0].isupper() or said[0] == "`" for said in CODES.values())
    assert all(said.endswith(".") for said in CODES.values())
    assert list(CODES) == sorted(CODES)
