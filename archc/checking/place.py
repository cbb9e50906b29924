"""Places as programs name them: a file, and lines and columns from 1."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from archc.diagnostics.span import Source, Span


@dataclass(frozen=True, slots=True)
class Place:
    """Characters of a file. Columns count Unicode characters; ``end_column`` is that after the last one.

    ``path`` is absolute, or a bare name of what is no file.
    """

    path: Path
    line: int
    column: int
    end_line: int
    end_column: int

    def relative(self, root: Path) -> str:
        """The path as seen from a folder, with ``/``; in full where the file is not below it."""
        return relative(self.path, root)


def place_of(span: Span, sources: Mapping[Source, Path]) -> Place:
    """The place of a span, without the blanks and line ends at its end."""
    source = span.source
    end = span.start + len(span.text.rstrip())
    file = sources.get(source)
    path = Path(source.name) if file is None else Path(os.path.abspath(file))
    return Place(path, *source.position(span.start), *source.position(end))


def relative(path: Path, root: Path) -> str:
    """``path`` as seen from the folder ``root``, with ``/``; in full where it is not below it."""
    for one, base in ((path, root), (path.resolve(), root.resolve())):
        if one.is_relative_to(base):
            return one.relative_to(base).as_posix()
    return path.as_posix()


def repository_root() -> Path:
    """The folder that paths of a repository start from.

    ``GITHUB_WORKSPACE`` if the current folder is in it, else the nearest folder upwards that holds ``.git``, else the
    current one.
    """
    here = Path.cwd()
    workspace = os.environ.get("GITHUB_WORKSPACE")
    if workspace and here.resolve().is_relative_to(Path(workspace).resolve()):
        return Path(os.path.abspath(workspace))
    return next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), here)


def uri(path: str) -> str:
    """A relative path, or an absolute one as ``file:``, percent-encoded (RFC 3986)."""
    return Path(path).as_uri() if os.path.isabs(path) else quote(os.fsencode(path), safe="/")
