"""Tables of texts: aligned for a terminal, and as Markdown. ``align`` has a ``<`` or ``>`` for each column."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Style = Callable[[str, str], str]
BOLD, DIM = "1", "2"


def plain(text: str, _: str) -> str:
    return text


def ansi(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if text else text


def aligned(rows: Sequence[Sequence[str]], align: Sequence[str]) -> list[str]:
    """A line for each row, in columns that are as wide as they need to be."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        columns = zip(cells, align, widths, strict=True)
        return "  ".join(f"{cell:{side}{width}}" for cell, side, width in columns).rstrip()

    return list(map(line, rows))


def markdown(rows: Sequence[Sequence[str]], align: Sequence[str]) -> list[str]:
    """The lines of a table as GitHub renders it; the first row is its header. Cells are Markdown already."""
    rule = ["---:" if side == ">" else "---" for side in align]
    return ["| " + " | ".join(cells) + " |" for cells in (rows[0], rule, *rows[1:])]


def escaped(text: str) -> str:
    """Text in which nothing acts as Markdown or HTML."""
    for char in "\\`*_[]|~$":
        text = text.replace(char, "\\" + char)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
