"""The texts of a spec and of all that it uses: taken down, and read again as if they were files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archc.graph.record import LIBRARY, SPEC, Record
from archc.language import library, limits
from archc.language.files import Loaded, digest

_ROOT = Path("/")


def record(file: Loaded, variant: str, params: Mapping[str, Any], input: Mapping[str, tuple[int, ...]]) -> Record:
    """Of a file as it was read and compiled, and what the caller gave."""
    files = file.everything()
    specs = {_full(one.path): one.source.text for one in files}
    links = {_full(name): _full(used.path) for one in files for name, used in one.by_name()}
    links = {name: path for name, path in links.items() if name != path}
    beside = {_full(one.path.parent / name): text for one in files for name, text in one.beside.items()}
    place = _Places([*specs, *links, *beside])
    return Record(
        place(_full(file.path)), {place(p): text for p, text in specs.items()},
        {place(p): text for p, text in beside.items()}, {place(a): place(b) for a, b in links.items()},
        variant, params, input,
    )  # fmt: skip


def digest_of(record: Record) -> str:
    """What ``Loaded.digest`` was of these texts."""
    return digest(record.specs[record.main], [text for name, text in record.specs.items() if name != record.main])


def _full(path: Path) -> str:
    return os.path.abspath(path)


class _Places:
    """Where a file lies in a record."""

    def __init__(self, paths: list[str]) -> None:
        self._library = _folder(_full(library.folder()))
        own = [os.path.dirname(path) for path in paths if not path.startswith(self._library)]
        self._top = _folder(os.path.commonpath(own)) if own else ""

    def __call__(self, path: str) -> str:
        in_library = path.startswith(self._library)
        root, top = (LIBRARY, self._library) if in_library else (SPEC, self._top)
        return f"{root}/{path[len(top) :].replace(os.sep, '/')}"


def _folder(path: str) -> str:
    return path if path.endswith(os.sep) else path + os.sep


class Recorded:
    """The files of a record, and no others: an ``archc.language.filesystem.FileSystem``."""

    def __init__(self, record: Record) -> None:
        self._texts = {**record.beside, **record.specs}
        self._links = record.links

    def path(self, name: str) -> Path:
        """A file of the record as a path of this file system."""
        return _ROOT / name

    def key(self, path: Path) -> Path:
        return _ROOT / self._name(path)

    def shown(self, path: Path) -> str:
        root, _, name = self._name(path).partition("/")
        return f"specs/{name}" if root == LIBRARY else name

    def read(self, path: Path) -> tuple[str, str | None]:
        text = self._texts.get(self._name(path))
        if text is None:
            return "", "no such file or directory"
        return ("", "too large") if len(text.encode()) > limits.FILE_BYTES else (text, None)

    def exists(self, path: Path) -> bool:
        return self._name(path) in self._texts

    def names(self, folder: Path) -> list[str]:
        inside = f"{self._name(folder)}/"
        found = [name.removeprefix(inside) for name in self._texts if name.startswith(inside)]
        return [name for name in found if "/" not in name and name.endswith(library.SUFFIXES)]

    def used_file(self, name: str) -> Path | None:
        found = Path(os.path.normpath(_ROOT / LIBRARY / f"{name}.yaml"))
        return found if found.is_relative_to(_ROOT / LIBRARY) and self.exists(found) else None

    def used_names(self) -> list[str]:
        names = [name.removeprefix(f"{LIBRARY}/") for name in self._texts if name.startswith(f"{LIBRARY}/")]
        return sorted(name.removesuffix(".yaml") for name in names)

    def _name(self, path: Path) -> str:
        name = Path(os.path.normpath(path)).as_posix().lstrip("/")
        return self._links.get(name, name)
