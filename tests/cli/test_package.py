"""The wheel, installed where there is no repository around it."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path
from sysconfig import get_path
from zipfile import ZipFile

import pytest

from tests.cli.conftest import TINY

pytest.importorskip("hatchling", reason="the wheel is built with hatchling, of the extra `dev`")

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out, cwd=ROOT)
    (built,) = out.glob("archc-*.whl")
    return built


def run(*command: str | Path, cwd: Path) -> str:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    ran = subprocess.run([*map(str, command)], cwd=cwd, env=env, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_it_holds_the_library_and_the_marker_of_types(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    specs = {f"archc/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "specs").rglob("*.yaml")}
    assert specs <= names
    assert "archc/py.typed" in names
    assert not [name for name in names if name.startswith("tests/")]


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment. Its dependencies are taken from that of the tests, so that nothing is fetched."""
    folder = tmp_path_factory.mktemp("installed")
    environment = folder / "venv"
    venv.create(environment, with_pip=False)
    python = environment / "bin/python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel, cwd=folder)
    inside = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    (inside / "dependencies.pth").write_text(get_path("purelib") + "\n")
    where = run(python, "-c", "import archc; print(archc.__file__)", cwd=folder)
    assert Path(where.strip()).is_relative_to(environment)
    return environment


def test_it_works_from_any_folder_in_a_new_environment(environment: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    archc = environment / "bin/archc"
    assert "25,557,032" in run(archc, "summarize", "resnet50", cwd=elsewhere)
    assert "all as expected" in run(archc, "check", cwd=elsewhere)
    run(archc, "build", "resnet50", "--to", "all", cwd=elsewhere)
    assert {path.name for path in (elsewhere / "generated").iterdir()} == {"resnet50.py", "resnet50.onnx"}


SUITE = """
import sys

def test_archc_was_not_imported():
    assert sorted(m for m in sys.modules if m.startswith("archc")) == ["archc", "archc.pytest_plugin", "archc.version"]
"""


def test_pytest_finds_the_plugin_and_suites_pay_nothing_for_it(environment: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    (tmp_path / "test_suite.py").write_text(SUITE)
    pytest_here = [environment / "bin/python", "-m", "pytest", "-q", "-W", "error"]
    assert "1 passed" in run(*pytest_here, cwd=tmp_path)
    assert "11 passed" in run(*pytest_here, "--archc", "tiny.yaml", cwd=tmp_path)
    assert "1 passed, 7 deselected" in run(
        *pytest_here, "--archc", "--archc-no-numerics", "-k", "small and params", cwd=tmp_path
    )
