"""Specs as they were at a revision: read from git's objects, never from a checkout.

git is run without a shell, a pager, hooks or the network. It is asked for names and texts alone, so that no filter or
program that a repository configures runs.
"""

from __future__ import annotations

import os
import re
import subprocess
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from archc.diagnostics.diagnostic import RequestError
from archc.language import library, limits
from archc.language.filesystem import DISK, decoded

SECONDS = 60.0  # in which git has to answer
_SAFE = ("--no-pager", "-c", f"core.hooksPath={os.devnull}", "-c", "core.fsmonitor=false", "-c", "protocol.allow=never")
_REFERENCE = re.compile(r"(?P<revision>[^:]+):(?P<path>[^:]+\.ya?ml)(?::(?P<variant>[^:]+))?")


class _Entry(NamedTuple):
    """What a folder of a tree holds under one name; ``size`` in bytes, of files alone."""

    kind: str
    id: str
    size: int
    link: bool


def reference(text: str) -> tuple[str, str, str | None] | None:
    """``HEAD~1:net.yaml:small`` as (revision, path, variant), where the text is of that form."""
    found = _REFERENCE.fullmatch(text)
    return (found["revision"], found["path"], found["variant"]) if found else None


def at(revision: str, path: str) -> tuple[Revision, Path]:
    """The files at a revision, and the one at a path written as for git.

    That is from the top of the repository, or, if it begins with ``./`` or ``../``, from here. Raises RequestError
    where there is none.
    """
    if os.path.isabs(path):
        return beside(revision, Path(path))
    repository = Repository(Path.cwd())
    files = repository.revision(revision)
    from_here = path.startswith(("./", "../"))
    return files, files.open(repository.path(Path(path) if from_here else repository.top / path))


def beside(revision: str, path: Path) -> tuple[Revision, Path]:
    """The same for a path on the disk, and the repository that it lies in."""
    repository = Repository(path.parent)
    files = repository.revision(revision)
    return files, files.open(repository.path(path))


class Repository:
    """A git repository with a working tree. Raises RequestError where ``folder`` lies in none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        found = self._lines("rev-parse", "--show-toplevel")
        if not found:
            raise RequestError(f"{_named(folder)} lies in no working tree of git", self._why)
        self.top = Path(found)

    def path(self, path: Path) -> str:
        """A file's path from the top. Raises RequestError for one outside."""
        full = Path(os.path.normpath(path if path.is_absolute() else Path.cwd() / path))
        for inside, top in ((full, self.top), (full.parent.resolve() / full.name, self.top.resolve())):
            if inside.is_relative_to(top):
                return inside.relative_to(top).as_posix()
        raise RequestError(f"{path} lies outside the repository {self.top}")

    def revision(self, name: str) -> Revision:
        """The files at a revision. Raises RequestError where there is none of that name."""
        return Revision(self, name, self._id(name, "tree"))

    def merge_base(self, one: str, other: str) -> str:
        """Where two revisions parted, abbreviated. Raises RequestError where there is no such place."""
        commits = self._id(one, "commit"), self._id(other, "commit")
        base = self._lines("merge-base", *commits)
        if not base:
            raise RequestError(f"`{one}` and `{other}` have no commit in common", self._shallow())
        return self._lines("rev-parse", "--short", base.split()[0]) or base

    def entries(self, tree: str, folder: str) -> dict[str, _Entry]:
        """What a folder of a tree holds; nothing if there is no such folder."""
        listed = self.run("ls-tree", "-z", "-l", "--full-tree", f"{tree}:{folder}" if folder else tree)
        found: dict[str, _Entry] = {}
        for line in os.fsdecode(listed or b"").split("\0"):
            about, tab, name = line.partition("\t")
            if tab:
                mode, kind, id, size = about.split()
                found[name] = _Entry(kind, id, int(size) if size.isdecimal() else 0, mode == "120000")
        return found

    def run(self, *arguments: str) -> bytes | None:
        """What git prints; None where it fails. Raises RequestError where it can't be run."""
        command = ["git", *_SAFE, "-C", str(self._folder), *arguments]
        try:
            ran = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, env=_environment(), timeout=SECONDS, check=False
            )
        except FileNotFoundError:
            raise RequestError("this needs git, and there is none", "install git, or compare two files") from None
        except (subprocess.TimeoutExpired, OSError) as error:
            why = f"did not answer within {SECONDS:g} s" if isinstance(error, subprocess.TimeoutExpired) else str(error)
            raise RequestError(f"git could not be asked: {why}") from None
        self._why = (os.fsdecode(ran.stderr).strip().splitlines() or [""])[0].removeprefix("fatal: ") or None
        return None if ran.returncode else ran.stdout

    def _lines(self, *arguments: str) -> str:
        return os.fsdecode(self.run(*arguments) or b"").rstrip("\n")

    def _id(self, name: str, kind: str) -> str:
        if name.startswith("-"):
            raise RequestError(f"`{name}` is no revision: one does not begin with -")
        found = self._lines("rev-parse", "--verify", "--quiet", f"{name}^{{{kind}}}")
        if not re.fullmatch(r"[0-9a-f]{40,64}", found):
            raise RequestError(f"`{name}` is no revision of {self.top}", self._shallow())
        return found

    def _shallow(self) -> str | None:
        if self._lines("rev-parse", "--is-shallow-repository") == "true":
            return "the clone is shallow: `git fetch --unshallow` brings what is missing"
        return None


class Revision:
    """Files as they were. What lies outside the repository, as the library of an installed archc, is as it is now."""

    def __init__(self, repository: Repository, name: str, tree: str) -> None:
        self._repository, self.name, self._tree = repository, name, tree
        self._folders: dict[str, dict[str, _Entry]] = {}

    def open(self, path: str) -> Path:
        """A spec file by its path from the top. Raises RequestError where there is none at this revision."""
        found = self._repository.top / path
        if not self.exists(found):
            here = "it is new" if os.path.isfile(found) else None
            relative = Path(path)
            if here is None and os.path.isfile(relative):
                here = f"a path is from the top of the repository; did you mean {self.name}:./{path}?"
            raise RequestError(f"at {self.name} there is no file {path}", here)
        return found

    def key(self, path: Path) -> Path:
        return Path(os.path.normpath(path))

    def shown(self, path: Path) -> str:
        inside = self._inside(path)
        return DISK.shown(path) if inside is None else f"{self.name}:{inside}"

    def read(self, path: Path) -> tuple[str, str | None]:
        if (inside := self._inside(path)) is None:
            return DISK.read(path)
        entry = self._entry(inside)
        if entry is None:
            return "", "no such file or directory"
        if entry.kind != "blob" or entry.link:
            return "", "it is a symbolic link" if entry.link else "it is a folder"
        if entry.size > limits.FILE_BYTES:
            return "", "too large"
        data = self._repository.run("cat-file", "blob", entry.id)
        return ("", "git does not have its text here") if data is None else decoded(data)

    def exists(self, path: Path) -> bool:
        inside = self._inside(path)
        return DISK.exists(path) if inside is None else self._entry(inside) is not None

    def names(self, folder: Path) -> list[str]:
        inside = self._inside(folder)
        if inside is None:
            return DISK.names(folder)
        return [name for name in self._entries(inside) if name.endswith(library.SUFFIXES)]

    def used_file(self, name: str) -> Path | None:
        if self._library is None:
            return library.used_file(name)
        found = Path(os.path.normpath(library.folder() / f"{name}.yaml"))
        return found if found.is_relative_to(library.folder()) and self.exists(found) else None

    def used_names(self) -> list[str]:
        if self._library is None:
            return library.used_names()
        folders = [name for name, entry in self._entries(self._library).items() if entry.kind == "tree"]
        files = [(f, n) for f in folders for n in self._entries(f"{self._library}/{f}") if n.endswith(".yaml")]
        return sorted(f"{folder}/{name.removesuffix('.yaml')}" for folder, name in files)

    @cached_property
    def _library(self) -> str | None:
        """The library's folder in this tree, if it is there."""
        try:
            inside = self._repository.path(library.folder())
        except RequestError:
            return None
        return inside if self._entries(inside) else None

    def _inside(self, path: Path) -> str | None:
        """The path from the top; None for what is read from the disk."""
        full = Path(os.path.normpath(path))
        if self._library is None and full.is_relative_to(library.folder()):
            return None
        return full.relative_to(self._repository.top).as_posix() if full.is_relative_to(self._repository.top) else None

    def _entry(self, inside: str) -> _Entry | None:
        folder, _, name = inside.rpartition("/")
        return self._entries(folder).get(name)

    def _entries(self, folder: str) -> dict[str, _Entry]:
        folder = "" if folder == "." else folder
        if folder not in self._folders:
            self._folders[folder] = self._repository.entries(self._tree, folder)
        return self._folders[folder]


# What the caller of a hook sets for the repository of the hook; any other is found from its folder.
_OF_ONE_REPOSITORY = {
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_DIR", "GIT_INDEX_FILE", "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_WORK_TREE",
}  # fmt: skip


def _environment() -> dict[str, str]:
    """With what keeps git from asking, fetching and locking."""
    kept = {name: value for name, value in os.environ.items() if name not in _OF_ONE_REPOSITORY}
    return kept | {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}


def _named(folder: Path) -> str:
    return "this folder" if folder == Path.cwd() else str(folder)
