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


def test_only_torch_is_imported(written: Path) -> None:
    for path in written.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not isinstance(node, ast.Import) or [a.name for a in node.names] == ["torch"]
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


LONG = [
    "self.a = nn.Sequential(OrderedDict([('a', nn.Conv2d(3, 64, 7)), ('b', nn.Conv2d(3, 64, 7)), ('c', nn.Conv2d(3, 64, 7))]))",
    "self.b = nn.Sequential(nn.Conv2d(in_channels, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width)) if flag else 0",
    "self.c = nn.Sequential(*(Unit(in_channels, out_channels, kernel, stride=stride, padding=kernel // 2) for _ in range(12)))",
    "self.d = nn.Sequential(*([Unit(in_channels, out_channels, kernel, stride=stride)] if flag else []), nn.BatchNorm2d(width))",
    "self.add_module('0', nn.Sequential(nn.Conv2d(in_channels, 4 * width, 1, stride), nn.BatchNorm2d(4 * width), nn.ReLU()))",
    "self.e = nn.ModuleDict({'a': nn.Conv2d(in_channels, out, kernel, stride, padding=2), 'b': nn.BatchNorm2d(out_channels)})",
    "return {'logits': logits, 'one': one_of_the_auxiliary_heads, 'two': two_of_the_auxiliary_heads, 'three': the_last_of_them}",
    "return torch.cat([one_of_the_branches, two_of_the_branches, three_of_the_branches, four_of_the_branches, the_last_one], 1)",
    "x = one_of_the_many_branches + two_of_the_many_branches + three_of_the_many_branches + four_of_the_many_branches + last",
    "return one_of_the_many_branches, two_of_the_many_branches, three_of_the_many_branches, four_of_the_many_branches, the_last",
    "one_of_the_many_branches, two_of_the_many_branches, three_of_the_many_branches, four_of_the_many_branches = self.body(x)",
    "self.f = nn.Parameter(torch.tensor((1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0)))",
]


@pytest.mark.parametrize("quoted", LONG)
def test_long_statements_break_as_ruff_breaks_them(quoted: str, tmp_path: Path) -> None:
    statement = quoted.replace("'", '"')
    lines = lay_out(statement, indent=8)
    assert max(map(len, lines)) <= 120
    text = "class A:\n    def f(self, x):\n" + "\n".join(lines) + "\n"
    assert ast.unparse(ast.parse(text).body[0].body[0].body[0]) == ast.unparse(ast.parse(statement))  # pyright: ignore
    path = tmp_path / "a.py"
    path.write_text(text, encoding="utf-8")
    assert not _run("ruff", "format", "--isolated", "--line-length", "120", "--diff", str(path))
