"""What is written is as a formatter, a linter and a type checker want it. Goldens: ``pytest --update-goldens``."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import archc
from archc.backends._source.layout import lay_out
from archc.backends.torch_source import source
from archc.compiler import SpecFile
from archc.language import library
from archc.language.files import load
from tests.source.cases import CASES, spec
from tests.source.checks import graph_of
from tests.source.test_torch import SPEC

GOLDEN = Path(__file__).parent / "golden"


def _networks() -> list[str]:
    return [variant for path in library.models() for variant in SpecFile(path, load(path)).variants]


def _run(*command: str) -> str:
    result = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=False)
    return "" if result.returncode == 0 else result.stdout + result.stderr


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source of every network of the library and of every odd case."""
    folder = tmp_path_factory.mktemp("written")
    for variant in _networks():
        (folder / f"{variant}.py").write_text(archc.compile(variant).source(), encoding="utf-8")
    for i, text in enumerate(CASES.values()):
        (folder / f"case{i}.py").write_text(source(graph_of(folder, spec(text))), encoding="utf-8")
    return folder


def test_ruff_would_format_nothing_anew(written: Path) -> None:
    assert not _run("ruff", "format", "--isolated", "--line-length", "120", "--diff", str(written))


def test_ruff_finds_nothing(written: Path) -> None:
    assert not _run("ruff", "check", "--isolated", "--line-length", "120", "--extend-select", "I", str(written))


@pytest.mark.slow
def test_pyright_finds_nothing(written: Path) -> None:
    (written / "pyrightconfig.json").write_text('{"typeCheckingMode": "basic"}', encoding="utf-8")
    assert not _run("pyright", "--project", str(written), "--pythonpath", sys.executable)


def test_only_torch_and_the_standard_library_are_imported(written: Path) -> None:
    for path in written.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not isinstance(node, ast.Import) or [a.name for a in node.names] in (["torch"], ["math"])
            assert not isinstance(node, ast.ImportFrom) or node.module in ("torch", "collections")


@pytest.mark.parametrize("name", [*CASES, "features"])
def test_the_source_is_as_it_was_read(name: str, tmp_path: Path, golden: Callable[[Path, str], None]) -> None:
    text = SPEC if name == "features" else spec(CASES[name])
    path = tmp_path / "spec.yaml"
    path.write_text(text, encoding="utf-8")
    body = archc.compile(path).source().split('"""', 2)[2]  # without the docstring, which names the file and its hash
    golden(GOLDEN / f"{name.replace(' ', '_')}.txt", body.lstrip("\n"))


def test_the_docstring_says_where_the_text_comes_from(tmp_path: Path) -> None:
    text = '''
name: net
description: A "quoted" title, with a \\ and """ in it
source: Some One, A Paper, 2020
input: [3, 8, 8]
body:
  conv: conv(8, 1)
'''
    graph = graph_of(tmp_path, text)
    lines = (ast.get_docstring(ast.parse(source(graph))) or "").splitlines()
    assert lines[0] == "Net: A \"quoted\" title, with a \\ and ''' in it."
    assert lines[2] == "Some One, A Paper, 2020"
    assert lines[4].startswith(f"Written by archc {archc.__version__} from ")
    assert graph.spec_hash[:12] in lines[4] or graph.spec_hash[:12] in lines[5]
    assert lines[-1] == "Edit the spec, not this file."


LONG = (Path(__file__).parent / "long_statements.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("statement", LONG)
def test_long_statements_break_as_ruff_breaks_them(statement: str, tmp_path: Path) -> None:
    assert len(statement) > 112
    lines = lay_out(statement, indent=8)
    assert max(map(len, lines)) <= 120
    text = "class A:\n    def f(self, x):\n" + "\n".join(lines) + "\n"
    assert ast.unparse(ast.parse(text).body[0].body[0].body[0]) == ast.unparse(ast.parse(statement))  # pyright: ignore
    path = tmp_path / "a.py"
    path.write_text(text, encoding="utf-8")
    assert not _run("ruff", "format", "--isolated", "--line-length", "120", "--diff", str(path))


def test_a_run_of_equal_layers_in_a_namespace_is_a_generator(tmp_path: Path) -> None:
    text = "body:\n  for i in range(4):\n    convs.${i}: conv(8, 1)\n  sum <- convs.0, convs.3: add\n"
    written = source(graph_of(tmp_path, spec(text)))
    assert "nn.ModuleList(nn.Conv2d(8, 8, 1) for _ in range(4))" in written
