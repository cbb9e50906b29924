"""A comparison as aligned text and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from archc.backends.difference import sections as parts
from archc.backends.difference.sections import Section
from archc.backends.table.columns import NONE
from archc.display import tables
from archc.display.tables import BOLD, DIM, Style, escaped
from archc.display.text import clean
from archc.graph.comparison import Comparison

COLOURS = {"+": "32", "−": "31", "~": "33"}
LONG = 12  # lines of a table that a pull request shows at once


def overview_text(names: Sequence[str], section: Section, style: Style) -> str:
    """What stands above the comparisons of several variants."""
    return "\n".join([style(f"{clean(names[0])} → {clean(names[1])}", BOLD), "", *_table(section, style)]) + "\n"


def overview_markdown(names: Sequence[str], section: Section) -> str:
    """The same for a pull request."""
    return "\n".join([f"## {_arrow(names)}", "", *_markdown_table(section)]) + "\n"


def text(comparison: Comparison, style: Style, unfold: bool) -> str:
    """Tables under a heading."""
    lines = [style(parts.title(comparison), BOLD), style(parts.subtitle(comparison), DIM), ""]
    lines += [style(parts.verdict(comparison), BOLD), *parts.notes(comparison)]
    if not comparison.same:
        for section in parts.sections(comparison, unfold):
            lines += ["", *_table(section, style)]
    return "\n".join(lines) + "\n"


def _table(section: Section, style: Style) -> list[str]:
    header = [section.title or section.header[0], *section.header[1:]]
    first, *rest = tables.aligned([header, *(line.cells for line in section.lines)], section.align)
    if not section.signed:
        return [style(f" {first}", BOLD), *(" " + text.replace(NONE, style(NONE, DIM)) for text in rest)]
    signed = ((line.sign, text) for line, text in zip(section.lines, rest, strict=True))
    return [style(f"   {first}", BOLD), *(style(f" {sign} {text}", COLOURS.get(sign, "")) for sign, text in signed)]


def markdown(comparison: Comparison, unfold: bool) -> str:
    """For a pull request, as GitHub renders it: what is long is folded."""
    head = [
        f"### {_arrow([g.spec_name for g in (comparison.a, comparison.b)])}",
        "",
        f"**{escaped(_sentence(parts.verdict(comparison)))}**",
    ]
    if notes := parts.notes(comparison):
        head += ["", *(f"- {escaped(note)}" for note in notes)]
    if not comparison.same:
        for section in parts.sections(comparison, unfold):
            head += ["", *_markdown_section(section, comparison)]
        head += ["", f"<sub>{escaped(parts.subtitle(comparison))}</sub>"]
    return "\n".join(head) + "\n"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _arrow(names: Sequence[str]) -> str:
    return " → ".join(f"`{clean(name).replace('`', '')}`" for name in names)


def _markdown_section(section: Section, comparison: Comparison) -> list[str]:
    table = _markdown_table(section)
    if not section.title:
        return table
    about = f": {parts.summary(comparison)}" if section.signed else ""
    if len(section.lines) <= LONG:
        return [f"**{_sentence(section.title)[:-1]}**{about}", "", *table]
    summary = f"<summary><b>{_sentence(section.title)[:-1]}</b>{about}</summary>"
    return ["<details>", summary, "", *table, "", "</details>"]


def _markdown_table(section: Section) -> list[str]:
    rows = [["" if cell == NONE else escaped(cell) for cell in line.cells] for line in section.lines]
    if not section.signed:
        return tables.markdown([section.header, *rows], section.align)
    signed = [[line.sign, f"`{line.cells[0]}`", *row[1:]] for line, row in zip(section.lines, rows, strict=True)]
    return tables.markdown([["", *section.header], *signed], "<" + section.align)
