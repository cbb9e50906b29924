"""The part of a rendering that shows source lines with marks and labels below them.

Lines are built as rows of (character, style) cells, so that labels can be laid out before anything is coloured.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from archc.diagnostics.diagnostic import Label
from archc.diagnostics.span import Source, Span
from archc.display.text import Line, clean

NEAR = 4  # labels at most so many lines apart share an excerpt
MAX_EXCERPTS = 8  # places shown of one diagnostic


class Row:
    """A line of output in the making."""

    def __init__(self) -> None:
        self.cells: list[tuple[str, str]] = []

    def put(self, column: int, text: str, style: str = "") -> Row:
        """Write text at a column, over what is there."""
        missing = column + len(text) - len(self.cells)
        self.cells.extend([(" ", "")] * missing)
        self.cells[column : column + len(text)] = [(c, style) for c in text]
        return self

    def add(self, text: str, style: str = "") -> Row:
        return self.put(len(self.cells), text, style)


@dataclass(frozen=True, slots=True)
class Mark:
    """A label, or the first or last line of one, on one line: characters ``start`` to ``end`` of it, from 0."""

    line: int
    start: int
    end: int
    text: str
    primary: bool

    @property
    def sign(self) -> str:
        return "^" if self.primary else "-"


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Labels near one another in one source."""

    source: Source
    head: Span  # the place named above the excerpt
    marks: tuple[Mark, ...]

    @property
    def lines(self) -> list[int]:
        return sorted({m.line for m in self.marks})


def excerpts(primary: Label, secondary: tuple[Label, ...]) -> list[Excerpt]:
    """The labels as excerpts, the primary label's first, the others in the order given."""
    found: list[Excerpt] = []
    for label in (primary, *secondary):
        marks = _marks(label, label is primary)
        lines = [m.line for m in marks]
        for i, excerpt in enumerate(found):
            known = excerpt.lines
            if excerpt.source is label.span.source and known[0] - NEAR <= lines[0] and lines[-1] <= known[-1] + NEAR:
                found[i] = Excerpt(excerpt.source, excerpt.head, (*excerpt.marks, *marks))
                break
        else:
            found.append(Excerpt(label.span.source, label.span, marks))
    return found


def _marks(label: Label, primary: bool) -> tuple[Mark, ...]:
    """A mark for a label on one line; for a longer one a mark on its first and one on its last line, with the text."""
    span, text = label.span, clean(label.text)
    written = len(span.text.rstrip())
    line, column = span.source.position(span.start)
    last, end = span.source.position(span.start + written)
    if not written:  # nothing but blanks: those on the first line, and a point where there are none
        end = max(column, min(column + span.end - span.start, len(span.source.line(line)) + 1))
    if last == line:
        return (Mark(line, column - 1, end - 1, text, primary),)
    final = span.source.line(last)
    indent = min(len(final) - len(final.lstrip()), end - 1)
    first = Mark(line, column - 1, max(len(span.source.line(line)), column), "", primary)
    return first, Mark(last, indent, end - 1, text, primary)


def draw(excerpt: Excerpt, gutter: int, width: int, severity: str, context: bool) -> list[Row]:
    """The lines of an excerpt, with line numbers and marks. ``context`` asks for the line before the first."""
    rows: list[Row] = []
    lines = excerpt.lines
    if context and lines[0] > 1 and excerpt.source.line(lines[0] - 1).strip():
        rows.append(_source_row(excerpt.source, lines[0] - 1, gutter, width, (0, 0))[0])
    for before, number in pairwise([lines[0], *lines]):
        rows.extend(_between(excerpt.source, before, number, gutter, width))
        marks = [m for m in excerpt.marks if m.line == number]
        focus = min(((m.start, m.end) for m in marks if m.primary), default=(marks[0].start, marks[0].end))
        row, line = _source_row(excerpt.source, number, gutter, width, focus)
        rows.append(row)
        rows.extend(_mark_rows(marks, line, gutter, severity))
    return rows


def _between(source: Source, before: int, number: int, gutter: int, width: int) -> list[Row]:
    """What stands between two marked lines: up to two lines as they are, more as an ellipsis."""
    skipped = range(before + 1, number)
    if len(skipped) > 2:
        return [Row().add("..." if gutter > 2 else "...".ljust(gutter + 1), "frame")]
    return [_source_row(source, n, gutter, width, (0, 0))[0] for n in skipped]


def _source_row(source: Source, number: int, gutter: int, width: int, focus: tuple[int, int]) -> tuple[Row, Line]:
    line = Line(source.line(number), focus, width)
    row = Row().add(f"{number:>{gutter}} |", "frame")
    return row.add(f" {line.text}" if line.text.strip() else ""), line


def _mark_rows(marks: list[Mark], line: Line, gutter: int, severity: str) -> list[Row]:
    """The row of marks, the rightmost label's text beside it, the other texts below, each hanging from its mark."""
    base = gutter + 3

    def style(mark: Mark) -> str:
        return severity if mark.primary else "secondary"

    def begin(mark: Mark) -> int:
        return base + line.column(mark.start)

    def end(mark: Mark) -> int:
        return max(base + line.column(mark.end), begin(mark) + 1)

    def blank() -> Row:
        return Row().add(" " * gutter + " |", "frame")

    signs = blank()
    for mark in sorted(marks, key=lambda m: (m.primary, m.start - m.end)):  # the primary's, then shorter ones, on top
        signs.put(begin(mark), mark.sign * (end(mark) - begin(mark)), style(mark))
    waiting = sorted((m for m in marks if m.text), key=lambda m: (begin(m), -end(m)))
    if waiting and all(m is waiting[-1] or end(m) <= begin(waiting[-1]) for m in marks):
        last = waiting.pop()
        signs.put(end(last) + 1, last.text, style(last))
    rows = [signs]
    if waiting:
        rows.append(blank())
        for mark in waiting:
            rows[-1].put(begin(mark), "|", style(mark))
    while waiting:
        mark = waiting.pop()
        row = blank()
        for other in waiting:
            if begin(other) < begin(mark):
                row.put(begin(other), "|", style(other))
        rows.append(row.put(begin(mark), mark.text, style(mark)))
    return rows
