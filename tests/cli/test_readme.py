"""The README shows what archc prints. ``--update-goldens`` writes it anew."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.conftest import Archc

README = Path(__file__).parents[2] / "README.md"
TIME = re.compile(r"in \d+\.\d s")
FILE = re.compile(r"<!-- (\S+) -->\n```(\w+)\n(.*?)```", re.DOTALL)
SESSION = re.compile(r"```console\n\$ (archc [^\n#]*)\n(.*?)```", re.DOTALL)


def test_the_readme_is_true(archc: Archc, folder: Path, request: pytest.FixtureRequest) -> None:
    committed = README.read_text(encoding="utf-8")
    for name, language, text in FILE.findall(committed):
        if language == "yaml":
            (folder / name).write_text(text)

    def session(match: re.Match[str]) -> str:
        result = archc(*shlex.split(match[1])[1:])
        printed = TIME.sub("in 0.1 s", result.out + result.err)
        return f"```console\n$ {match[1]}\n{printed}```"

    def written(match: re.Match[str]) -> str:
        text = match[3] if match[2] == "yaml" else (folder / match[1]).read_text()
        return f"<!-- {match[1]} -->\n```{match[2]}\n{text}```"

    now = FILE.sub(written, SESSION.sub(session, committed))
    if request.config.getoption("--update-goldens"):
        README.write_text(now, encoding="utf-8")
    else:
        assert now == committed
