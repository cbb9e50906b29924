"""The pre-commit hooks and the workflow that a user copies: every command in them is run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.checking.reading import commands
from tests.checking.test_formats import MISTAKES
from tests.checking.test_sarif import run_of
from tests.cli.conftest import TINY, Archc

ROOT = Path(__file__).parents[2]
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}
WORKFLOW = yaml.load((ROOT / ".github/examples/specs.yml").read_text(encoding="utf-8"), yaml.BaseLoader)
STEPS: list[dict[str, Any]] = WORKFLOW["jobs"]["check"]["steps"]


def test_there_are_two_hooks() -> None:
    assert list(HOOKS) == ["archc-check", "archc-update"]


@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
def test_hooks_have_what_pre_commit_asks_for(hook: dict[str, Any]) -> None:
    assert {"id", "name", "entry", "language"} <= set(hook)
    assert hook["language"] == "python" and hook["pass_filenames"] is False
    assert shlex.split(hook["entry"])[0] == "archc"


@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
@pytest.mark.parametrize(
    ("path", "runs"),
    [
        ("specs/net.yaml", True),
        ("specs/models/net.yml", True),
        ("specs/net.table.md", True),
        ("specs/README.md", False),
        (".github/workflows/specs.yaml", False),
        ("tests/specs/net.yaml", False),
    ],
)
def test_hooks_run_for_specs_alone(hook: dict[str, Any], path: str, runs: bool) -> None:
    assert bool(re.search(hook["files"], path)) == runs


def test_the_hooks_fail_for_wrong_specs_and_pass_for_right_ones(archc: Archc, wrong: Path) -> None:
    for hook in HOOKS.values():
        _, *words = shlex.split(hook["entry"]) + hook["args"]
        result = archc(*words)
        assert result.code == 2 and "1 failed" in result.out and "specs/wiring.yaml:13" in result.err
    assert (wrong / "specs/right.table.md").exists()
    for name in ("budget", "figures", "names", "wiring"):
        for file in (wrong / "specs").glob(f"{name}.*"):
            file.unlink()
    for hook in HOOKS.values():
        _, *words = shlex.split(hook["entry"]) + hook["args"]
        assert archc(*words).code == 0


class Runner:
    """Runs the steps of the workflow as GitHub's runner does: each by bash, in the checkout."""

    def __init__(self, checkout: Path, aside: Path) -> None:
        self.checkout, self.summary = checkout, aside / "summary.md"
        self.summary.touch()
        shim = aside / "bin/archc"
        shim.parent.mkdir()
        shim.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m archc "$@"\n')
        shim.chmod(0o755)
        self._env = {
            **os.environ,
            "PATH": f"{shim.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "GITHUB_WORKSPACE": str(checkout),
            "GITHUB_STEP_SUMMARY": str(self.summary),
        }

    def step(self, name: str) -> subprocess.CompletedProcess[str]:
        (script,) = (step["run"] for step in STEPS if step.get("name") == name)
        return subprocess.run(
            ["bash", "-e", "-c", script], cwd=self.checkout, env=self._env, capture_output=True, text=True, check=False
        )


@pytest.fixture
def runner(wrong: Path, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """A checkout of a pull request that changes tiny.yaml and adds the wrong specs."""
    specs = wrong / "specs"
    new = {file: file.read_text(encoding="utf-8") for file in specs.iterdir()}
    for file in new:
        file.unlink()
    (wrong / "tiny.yaml").unlink()
    (specs / "tiny é.yaml").write_text(TINY)
    (specs / "same.yaml").write_text(TINY)
    (specs / "blocks.yaml").write_text("blocks:\n  b(x): relu\n")
    _commit(wrong, "before")
    for file, text in new.items():
        file.write_text(text, encoding="utf-8")
    (specs / "tiny é.yaml").write_text(TINY.replace("linear(10)", "linear(12)").partition("expect:")[0])
    _commit(wrong, "after")
    return Runner(wrong, tmp_path_factory.mktemp("runner"))


def _commit(folder: Path, message: str) -> None:
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", message]):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def test_the_check_marks_every_mistake_at_its_line(runner: Runner) -> None:
    result = runner.step("Check")
    assert result.returncode == 2
    assert sorted((c.properties["file"], int(c.properties["line"])) for c in commands(result.stdout)) == [
        (m.file, m.line) for m in MISTAKES
    ]


def test_the_sarif_is_where_it_is_uploaded_from(runner: Runner) -> None:
    assert runner.step("Write SARIF").returncode == 0
    (upload,) = (step for step in STEPS if "upload-sarif" in step.get("uses", ""))
    run = run_of((runner.checkout / upload["with"]["sarif_file"]).read_text(encoding="utf-8"))
    assert len(run["results"]) == len(MISTAKES)


def test_the_summary_shows_what_changed_and_nothing_else(runner: Runner) -> None:
    result = runner.step("What becomes of the networks")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    text = runner.summary.read_text(encoding="utf-8")
    assert "tiny é.yaml" in text and "1,120" in text  # parameters of `small`, of which there were 1,102
    assert not [name for name in ("same", "blocks", "budget", "wiring") if f"{name}.yaml" in text]


def test_every_step_that_runs_archc_is_tested() -> None:
    assert [step["name"] for step in STEPS if re.search(r"\barchc \w", step.get("run", ""))] == [
        "Check", "Write SARIF", "What becomes of the networks",
    ]  # fmt: skip


def test_the_workflow_asks_for_no_more_than_it_needs() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read", "security-events": "write"}
    assert not (ROOT / ".github/workflows/specs.yml").exists()  # this repository has no use for it
    assert all("${{" not in step.get("run", "") for step in STEPS)
