"""The exact rules of the language are numbered; each has tests that bear its number."""

from __future__ import annotations

import re
from pathlib import Path

RULES = 45


def test_every_rule_has_a_test() -> None:
    files = Path(__file__).parent.glob("test_rules_*.py")
    tested = {int(n) for file in files for n in re.findall(r"def test_rule_(\d+)_", file.read_text(encoding="utf-8"))}
    assert tested == set(range(1, RULES + 1))
