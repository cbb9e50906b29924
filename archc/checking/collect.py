"""Which files are checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from archc.language.library import SUFFIXES


def spec_files(paths: Iterable[Path]) -> list[Path]:
    """The specs among the paths and below them, each once; what is hidden is left alone."""
    found: dict[Path, Path] = {}
    for path in paths:
        for file in [path] if path.is_file() else below(path, SUFFIXES):
            found.setdefault(file.resolve(), file)
    return list(found.values())


def below(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    """The files below a folder whose names end so, sorted, but for hidden ones."""
    for file in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if file.name.endswith(suffixes) and file.is_file() and not hidden:
            yield file
