"""Where specs are: the library that comes with archc, and files named by the user."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

SUFFIXES = (".yaml", ".yml")


@cache
def folder() -> Path:
    """The library: beside the package's code where it was installed, else at the top of its repository."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "specs"
    return installed if installed.is_dir() else package.parent / "specs"


def used_file(path: str) -> Path | None:
    """A library file as `use` names it: `blocks/residual`. None where there is none, or it is outside the library."""
    found = (folder() / f"{path}.yaml").resolve()
    return found if os.path.isfile(found) and found.is_relative_to(folder().resolve()) else None


def used_names() -> list[str]:
    """What `use` may name of the library."""
    return sorted(p.relative_to(folder()).with_suffix("").as_posix() for p in folder().rglob("*.yaml"))


def models() -> list[Path]:
    """The library's networks, one file a family."""
    return sorted((folder() / "models").glob("*.yaml"))


def candidates(name: str) -> list[Path]:
    """The model files that may hold the family or variant: told from the text, which is faster than reading them."""
    family = folder() / "models" / f"{name}.yaml"
    if re.fullmatch(r"[\w.-]+", name) and os.path.isfile(family):
        return [family]
    variant = re.compile(
        rf"^ +['\"]?{re.escape(name)}['\"]?\s*:|[{{,]\s*['\"]?{re.escape(name)}['\"]?\s*:", re.MULTILINE
    )
    return [p for p in models() if variant.search(p.read_text(encoding="utf-8"))]


def shown(path: Path) -> str:
    """How messages name a file: the library's as `specs/…`, others as seen from the current folder."""
    resolved = path.resolve()
    root = folder().resolve()
    if resolved.is_relative_to(root):
        return "specs/" + resolved.relative_to(root).as_posix()
    here = Path.cwd()
    return (resolved.relative_to(here) if resolved.is_relative_to(here) else path).as_posix()
