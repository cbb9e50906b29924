"""What stands in generated/: the source and the table of every network of the library. ``make generated`` writes it."""

from __future__ import annotations

from pathlib import Path

import archc
from archc.compiler import SpecFile
from archc.files import write_text
from archc.language import library
from archc.language.files import load

FOLDER = Path(__file__).parents[1] / "generated"


def variants() -> list[str]:
    """The networks of the library, as `archc build` takes them."""
    return [variant for path in library.models() for variant in SpecFile(path, load(path)).variants]


def files(variant: str) -> dict[str, str]:
    """File name → text."""
    network = archc.compile(variant)
    return {f"{variant}.py": network.source(), f"{variant}.md": network.table(depth=2).markdown()}


def main() -> None:
    wanted: set[str] = set()
    for variant in variants():
        for name, text in files(variant).items():
            write_text(FOLDER / name, text)
            wanted.add(name)
    for path in FOLDER.iterdir():
        if path.name not in wanted:
            path.unlink()


if __name__ == "__main__":
    main()
