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


def test_it_works_from_any_folder_in_a_new_environment(wheel: Path, tmp_path: Path) -> None:
    """Its dependencies are taken from the environment of the tests, so that nothing is fetched."""
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=False)
    python = environment / "bin/python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel, cwd=tmp_path)
    inside = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).strip())
    (inside / "dependencies.pth").write_text(get_path("purelib") + "\n")
    where = run(python, "-c", "import archc; print(archc.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(environment)

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    archc = environment / "bin/archc"
    assert "25,557,032" in run(archc, "summarize", "resnet50", cwd=elsewhere)
    assert "all as expected" in run(archc, "check", cwd=elsewhere)
    run(archc, "build", "resnet50", "--to", "all", cwd=elsewhere)
    assert {path.name for path in (elsewhere / "generated").iterdir()} == {"resnet50.py", "resnet50.onnx"}
