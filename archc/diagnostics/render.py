"""Diagnostics as people read them: what is wrong, where, and what to do, in the layout that rustc made common.

Only layout is here; the wording is in ``errors``. What comes from a spec is shown with its control characters made
visible, so that no spec can write to the terminal by way of its error messages.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Protocol

from archc.diagnostics.diagnostic import Diagnostic
from archc.diagnostics.excerpt import MAX_EXCERPTS, Excerpt, Row, draw, excerpts
from archc.display.text import clean, clean_lines

LIMIT = 50  # diagnostics shown in full
WIDTH = 140  # columns where the terminal's width is unknown

_COLOURS = {
    "error": "1;31",
    "warning": "1;33",
    "secondary": "1;34",
    "frame": "1;34",
    "help": "1;36",
    "strong": "1",
}


class _Stream(Protocol):
    def isatty(self) -> bool: ...


def use_color(stream: _Stream) -> bool:
    """Whether to colour ``stream``: a terminal that can, anything with ``FORCE_COLOR``, nothing with ``NO_COLOR``."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def render(
    diagnostics: Iterable[Diagnostic], *, color: bool = False, width: int | None = None, counted: bool = True
) -> str:
    """The diagnostics with their excerpts, and, if ``counted``, a line that counts them. Empty if there are none.

    Lines of source longer than ``width`` columns are cut around what is marked in them.
    """
    found = list(diagnostics)
    if not found:
        return ""
    room = max(width or WIDTH, 40)
    blocks = [_text(_rows(d, room), color) for d in found[:LIMIT]]
    if len(found) > LIMIT:
        blocks.append(f"... and {len(found) - LIMIT} more")
    return "\n\n".join([*blocks, count(found)] if counted else blocks)


def count(diagnostics: Sequence[Diagnostic]) -> str:
    """``mine.yaml: 2 errors, 1 warning``."""
    names = list(dict.fromkeys(clean(d.span.source.name) for d in diagnostics))
    errors = sum(d.severity == "error" for d in diagnostics)
    parts = [_plural(n, word) for n, word in ((errors, "error"), (len(diagnostics) - errors, "warning")) if n]
    return f"{names[0]}: {', '.join(parts)}" if len(names) == 1 else f"{', '.join(parts)} in {len(names)} files"


def _plural(n: int, word: str) -> str:
    return f"{n} {word}" + "s" * (n != 1)


def _rows(d: Diagnostic, width: int) -> list[Row]:
    """All lines of one diagnostic."""
    places = excerpts(d.primary, d.secondary)
    hidden = len(places) - MAX_EXCERPTS
    places = places[:MAX_EXCERPTS]
    gutter = max(len(str(number)) for place in places for number in place.lines)
    rows = [_title(d)]
    for i, place in enumerate(places):
        rows.extend(_place(place, gutter, width, d.severity, first=i == 0))
    notes = list(d.notes) + [f"and {_plural(hidden, 'more place')}"] * (hidden > 0)
    if not d.span.source.text and d.primary.text:
        notes.insert(0, d.primary.text)
    if notes or d.help:
        rows.append(_frame(gutter))
    for note in notes:
        rows.extend(_note(note, "", gutter, width))
    if d.help:
        rows.extend(_note(d.help, "help: ", gutter, width))
    return rows


def _title(d: Diagnostic) -> Row:
    return Row().add(f"{d.severity}[{d.code}]", d.severity).add(f": {clean(d.message)}", "strong")


def _frame(gutter: int) -> Row:
    return Row().add(" " * gutter + " |", "frame")


def _place(place: Excerpt, gutter: int, width: int, severity: str, first: bool) -> list[Row]:
    """The head ``--> file:line:column`` (``:::`` for the places after the first) and the excerpt."""
    head = Row().add(" " * gutter + ("--> " if first else "::: "), "frame").add(clean(str(place.head)))
    rows = [head] if first else [_frame(gutter), head]
    if not place.source.text:
        return rows
    mark, *others = place.marks
    leads = mark.start == mark.end or (bool(others) and not place.source.line(mark.line)[: mark.start].strip())
    # What reads others' results, or stops at a point, is understood by the line before; other marks explain themselves.
    context = first and leads and mark.line == place.lines[0]
    return [*rows, _frame(gutter), *draw(place, gutter, width - gutter - 3, severity, context)]


def _note(text: str, label: str, gutter: int, width: int) -> list[Row]:
    indent = gutter + 3 + len(label)
    first, *rest = [part for line in clean_lines(text) for part in _wrapped(line, width - indent)]
    rows = [Row().add(" " * gutter + " = ", "frame").add(label, "help").add(first)]
    return rows + [Row().add(" " * indent + line) for line in rest]


def _wrapped(line: str, width: int) -> list[str]:
    """Prose in lines of at most ``width`` characters; an indented line is an example, and stays whole."""
    if len(line) <= width or line.startswith(" "):
        return [line]
    from textwrap import wrap  # few notes are long

    return wrap(line, max(width, 20), break_long_words=False, break_on_hyphens=False)


def _text(rows: list[Row], color: bool) -> str:
    return "\n".join(_line(row, color) for row in rows)


def _line(row: Row, color: bool) -> str:
    if not color:
        return "".join(c for c, _ in row.cells).rstrip()
    parts: list[str] = []
    for style, cells in groupby(row.cells, key=lambda cell: cell[1]):
        text = "".join(c for c, _ in cells)
        parts.append(f"\x1b[{_COLOURS[style]}m{text}\x1b[0m" if style else text)
    return "".join(parts).rstrip()
