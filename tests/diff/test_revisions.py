"""Specs at a git revision: read from git's objects, named as git names them, and with all that they use."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import archc
from archc.cli import run
from archc.diagnostics.diagnostic import RequestError
from archc.language import library, revision

NET = """\
name: net
input: [3, 8, 8]
use: {./blocks/parts.yaml: [unit]}
params: {width: 4}
variants: {small: null, large: {width: 8}}
body:
  part: unit(width)
labels: names.txt
"""
UNIT = "name: parts\nblocks:\n  unit(width): conv(width, %d)\n"


class Repository:
    """A repository of a test, with a commit for each ``commit``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
        ran = subprocess.run(
            ["git", *identity, *arguments], cwd=self.folder, capture_output=True, text=True, check=True, timeout=60
        )
        return ran.stdout.strip()

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def commit(self, **files: str) -> None:
        for name, text in files.items():
            self.write(FILES[name], text)
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "a")


FILES = {"net": "nets/net.yaml", "parts": "nets/blocks/parts.yaml", "names": "nets/names.txt"}


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Two commits: the second has another block in the file that the spec uses. The working tree is as the second."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    made = Repository(tmp_path)
    made.commit(net=NET.replace("large: {width: 8}", "large: {width: 4}"), parts=UNIT % 1, names="a\nb\nc\nd\n")
    made.commit(parts=UNIT % 3)
    monkeypatch.chdir(tmp_path)
    return made


def test_a_used_file_is_read_at_the_revision(repository: Repository) -> None:
    difference = archc.diff("HEAD~1:nets/net.yaml:small", "nets/net.yaml:small")
    (comparison,) = difference.compared
    assert [(c.kind, c.path, c.arguments["kernel_size"]) for c in comparison.changes] == [
        ("changed", "part", ((1, 1), (3, 3)))
    ]
    assert (difference.a, difference.b) == ("HEAD~1:nets/net.yaml:small", "nets/net.yaml:small")
    assert comparison.a.labels == {"output": ["a", "b", "c", "d"]}


def test_labels_are_read_at_the_revision(repository: Repository) -> None:
    repository.commit(names="a\nb\nc\ne\n")
    (comparison,) = archc.diff("HEAD~1:nets/net.yaml:small", "HEAD:nets/net.yaml:small").compared
    assert comparison.declared == ["labels"] and not comparison.changes


def test_a_spec_alone_is_compared_with_head(repository: Repository) -> None:
    assert archc.diff("nets/net.yaml").same
    repository.write(FILES["parts"], UNIT % 1)
    difference = archc.diff("nets/net.yaml")
    assert (difference.a, difference.b) == ("HEAD:nets/net.yaml", "nets/net.yaml")
    assert [c.b.variant for c in difference.compared] == ["small", "large"] and not difference.same


@pytest.mark.parametrize(
    ("rev", "kernels"),
    [("main", (5, 7)), ("main..topic", (5, 3)), ("main...topic", (1, 3)), ("main...", (1, 3)), ("..main", (3, 5))],
)
def test_ranges_are_those_of_git(repository: Repository, rev: str, kernels: tuple[int, int]) -> None:
    repository.git("checkout", "--quiet", "-b", "topic")
    repository.git("checkout", "--quiet", "main")
    repository.git("branch", "--force", "base", "HEAD~1")
    repository.git("checkout", "--quiet", "-B", "main", "base")
    repository.commit(parts=UNIT % 5)
    repository.git("checkout", "--quiet", "topic")
    repository.write(FILES["parts"], UNIT % 7)
    (comparison,) = archc.diff("nets/net.yaml:small", rev=rev).compared
    assert comparison.changes[0].arguments["kernel_size"] == tuple((k, k) for k in kernels)


@pytest.mark.parametrize("where", ["nets", "."])
def test_paths_are_those_of_git(repository: Repository, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.chdir(repository.folder / where)
    relative = os.path.relpath(repository.folder / FILES["net"])
    for text in ("HEAD:nets/net.yaml:small", f"HEAD:./{relative}:small", f"HEAD:{Path(relative).resolve()}:small"):
        assert archc.compile(text).graph.spec_name == "HEAD:nets/net.yaml:small"


def test_every_command_reads_revisions(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["summarize", "HEAD~1:nets/net.yaml:small"]) == 0
    assert "HEAD~1:nets/net.yaml:small" in capsys.readouterr().out


def test_a_mistake_is_named_as_git_names_the_file(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.commit(parts="name: parts\nblocks:\n  unit(width): conv(wdth, 3)\n")
    repository.write(FILES["parts"], UNIT % 3)
    assert run(["diff", "nets/net.yaml:small"]) == 2
    said = capsys.readouterr().err
    assert "HEAD:nets/blocks/parts.yaml:3:" in said and str(repository.folder) not in said


def test_what_is_used_and_missing_suggests_what_was_there(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.commit(net=NET.replace("parts.yaml", "prts.yaml"))
    assert run(["diff", "HEAD:nets/net.yaml:small", "HEAD~1:nets/net.yaml:small"]) == 2
    assert "parts" in capsys.readouterr().err


def test_a_repository_that_holds_the_library(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """As archc's own: what `use` names of the library is then of the revision too."""
    specs = repository.folder.resolve() / "specs"
    monkeypatch.setattr(library, "folder", lambda: specs)
    text = "name: own\ninput: [3, 8, 8]\nuse: {blocks/gate: [gate]}\nbody:\n  part: gate(4)\n"
    repository.write("specs/models/own.yaml", text)
    repository.write("specs/blocks/gate.yaml", "name: gate\nblocks:\n  gate(width): conv(width, 1)\n")
    repository.commit()
    repository.write("specs/blocks/gate.yaml", "name: gate\nblocks:\n  gate(width): conv(width, 5)\n")
    (comparison,) = archc.diff("own").compared
    assert comparison.changes[0].arguments["kernel_size"] == ((1, 1), (5, 5))
    assert comparison.a.spec_name == "HEAD:specs/models/own.yaml:own"


def test_elsewhere_the_library_is_as_it_is_now(repository: Repository) -> None:
    repository.commit(net="name: net\ninput: [3, 8, 8]\nuse: {blocks/conv_bn: [conv_bn]}\nbody:\n  a: conv_bn(4, 3)\n")
    assert archc.diff("HEAD:nets/net.yaml", "nets/net.yaml").same


def test_the_variants_that_came_and_went(repository: Repository) -> None:
    repository.write(FILES["net"], NET.replace("small: null", "tiny: {width: 4}"))
    repository.write(FILES["names"], "\n".join("abcdefgh"[:4]) + "\n")
    difference = archc.diff("nets/net.yaml", width=4)
    assert (list(difference.added), list(difference.removed)) == (["tiny"], ["small"])
    assert [c.b.variant for c in difference.compared] == ["large"]


MISTAKES = [
    ("HAED:nets/net.yaml", ["`HAED` is no revision"]),
    ("--all:nets/net.yaml", ["does not begin with -"]),
    ("HEAD:net.yaml", ["at HEAD there is no file net.yaml"]),
    ("HEAD:nets/new.yaml", ["no file nets/new.yaml", "it is new"]),
    ("HEAD:../net.yaml", ["outside the repository"]),
    ("HEAD:nets/../../net.yaml", ["outside the repository"]),
    ("HEAD:nets/net.yaml:smal", ["HEAD:nets/net.yaml has no variant `smal`"]),
    ("HEAD^{/nothing like it}:nets/net.yaml", ["no revision"]),
    ("HEAD; touch x:nets/net.yaml", ["no revision"]),
]


@pytest.mark.parametrize(("spec", "said"), MISTAKES, ids=[spec for spec, _ in MISTAKES])
def test_mistakes(repository: Repository, spec: str, said: list[str]) -> None:
    repository.write("nets/new.yaml", NET)
    with pytest.raises(RequestError) as caught:
        archc.compile(spec)
    assert all(words in str(caught.value) for words in said), str(caught.value)
    assert not (repository.folder / "x").exists()


def test_a_path_from_here_is_suggested(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository.folder / "nets")
    with pytest.raises(RequestError, match=r"did you mean HEAD:\./net\.yaml\?"):
        archc.compile("HEAD:net.yaml:small")


def test_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "net.yaml").write_text("name: net\ninput: [3, 8, 8]\nbody:\n  a: relu\n")
    with pytest.raises(RequestError, match="lies in no working tree of git"):
        archc.diff("net.yaml")


def test_no_commit_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Repository(tmp_path).write("net.yaml", "name: net\ninput: [3, 8, 8]\nbody:\n  a: relu\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RequestError, match="`HEAD` is no revision"):
        archc.diff("net.yaml")


def test_no_git(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository.folder / "nets"))
    with pytest.raises(RequestError, match="needs git"):
        archc.diff("nets/net.yaml")


def test_git_that_hangs(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(revision, "SECONDS", 0.2)
    with pytest.raises(RequestError, match="did not answer"):
        archc.diff("nets/net.yaml")


def test_a_shallow_clone_says_so(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clone = tmp_path / "clone"
    repository.git("clone", "--quiet", "--depth=1", f"file://{repository.folder}", str(clone))
    monkeypatch.chdir(clone)
    with pytest.raises(RequestError, match="git fetch --unshallow"):
        archc.diff("HEAD~1:nets/net.yaml", "nets/net.yaml")


def test_no_program_of_the_repository_runs(repository: Repository, tmp_path: Path) -> None:
    """Hooks, monitors, filters and converters are configured by whoever made the repository."""
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\ncat\n")
    program.chmod(0o755)
    repository.write(".gitattributes", "*.yaml filter=evil diff=evil\n")
    for name in ("core.fsmonitor", "filter.evil.smudge", "filter.evil.process", "diff.evil.textconv", "core.pager"):
        repository.git("config", name, str(program))
    (tmp_path / "ran").unlink(missing_ok=True)
    assert not archc.diff("HEAD~1:nets/net.yaml:small", "HEAD:nets/net.yaml:small").same
    assert not (tmp_path / "ran").exists()


def test_in_a_hook_the_repository_is_that_of_the_spec(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
    monkeypatch.chdir(repository.folder / "nets")
    assert archc.diff("net.yaml").same


def test_a_link_is_not_followed(repository: Repository) -> None:
    (repository.folder / "link.yaml").symlink_to("nets/net.yaml")
    repository.commit()
    with pytest.raises(archc.CompileError) as caught:
        archc.compile("HEAD:link.yaml:small")
    assert "symbolic link" in str(caught.value)


def test_nothing_is_written(repository: Repository) -> None:
    before = repository.git("status", "--porcelain", "--ignored"), sorted(repository.folder.rglob("*"))
    archc.diff("HEAD~1:nets/net.yaml", "nets/net.yaml")
    assert (repository.git("status", "--porcelain", "--ignored"), sorted(repository.folder.rglob("*"))) == before


@pytest.mark.parametrize(
    ("a", "b"), [("nets/net.yaml:small", "nets/net.yaml"), ("nets/net.yaml", "nets/net.yaml:small")]
)
def test_a_variant_named_on_one_side_is_that_of_the_other(repository: Repository, a: str, b: str) -> None:
    difference = archc.diff(f"HEAD~1:{a}", b)
    assert [(c.a.variant, c.b.variant) for c in difference.compared] == [("small", "small")]
    assert not difference.added and not difference.removed


def test_a_variant_that_one_side_has_not_is_said_of_that_side(repository: Repository) -> None:
    with pytest.raises(RequestError, match=r"^HEAD:nets/net.yaml has no variant `smal`") as raised:
        archc.diff("HEAD:nets/net.yaml:smal", "nets/net.yaml")
    assert raised.value.hint == "did you mean `small`?"


def test_a_file_of_no_use_is_told_by_its_own_mistakes(repository: Repository) -> None:
    repository.commit(net="name: net\nbody: {a: relu\n")
    repository.write(FILES["net"], NET)
    with pytest.raises(archc.CompileError) as raised:
        archc.diff("nets/net.yaml")
    assert {d.span.source.name for d in raised.value.diagnostics if d.span} == {"HEAD:nets/net.yaml"}
    (repository.folder / "link.yaml").symlink_to("nets/net.yaml")
    repository.git("add", "link.yaml")
    repository.git("commit", "--quiet", "--message", "a")
    with pytest.raises(archc.CompileError, match="it is a symbolic link"):
        archc.diff("link.yaml")
    with pytest.raises(RequestError, match=r"parts.yaml holds blocks for other specs, and no network"):
        archc.diff("nets/net.yaml", "nets/blocks/parts.yaml")
