"""A table as plain text, Markdown, CSV and HTML."""

from __future__ import annotations

from collections.abc import Sequence

from archc.backends.table.columns import NONE, Column, Scale
from archc.backends.table.rows import Row
from archc.display import tables
from archc.display.tables import BOLD, DIM, Style, escaped


def text(
    rows: Sequence[Row], columns: Sequence[Column], scale: Scale, head: Sequence[str], foot: Sequence[str], style: Style
) -> str:
    """Aligned columns under a heading. Lines are as wide as they need to be."""
    cells = [[c.header for c in columns], *(_cells(row, columns, scale) for row in rows)]
    _align_outputs(cells, columns)
    header, *body = (f" {line}" for line in tables.aligned(cells, [c.align for c in columns]))
    lines = [style(head[0], BOLD), *(style(more, DIM) for more in head[1:]), "", style(header, BOLD)]
    for row, shown in zip(rows, body, strict=True):
        lines.append(style(shown, BOLD) if row.kind == "section" else shown.replace(NONE, style(NONE, DIM)))
    return "\n".join([*lines, "", *(f" {more}" for more in foot)]) + "\n"


def _cells(row: Row, columns: Sequence[Column], scale: Scale) -> list[str]:
    """The texts of a row; its name is indented by its level, and of a section there is no more than that."""
    name = "  " * row.level + row.name
    if row.kind == "section":
        return [name if i == 0 else "" for i, _ in enumerate(columns)]
    return [name if c.name == "path" else c.text(row, scale) for c in columns]


def _align_outputs(cells: list[list[str]], columns: Sequence[Column]) -> None:
    """Channels under channels: what stands before the first × is right-aligned."""
    for place, column in enumerate(columns):
        if column.name != "output":
            continue
        width = max((len(_channels(row[place])) for row in cells[1:]), default=0)
        for row in cells:
            row[place] = " " * (width - len(_channels(row[place]))) + row[place]


def _channels(shape: str) -> str:
    """The part that is aligned; words are too, at their end, if they are short."""
    first = shape.partition(" × ")[0]
    return first if first.isdigit() or first == NONE else ""


def markdown(
    rows: Sequence[Row], columns: Sequence[Column], scale: Scale, head: Sequence[str], foot: Sequence[str]
) -> str:
    """A table as GitHub renders it, paths in full."""
    table = [[c.header for c in columns]]
    for row in rows:
        if row.kind == "section":
            table.append([f"**{escaped(row.name)}**", *[""] * (len(columns) - 1)])
        else:
            table.append([_markdown_cell(row, c, scale) for c in columns])
    lines = tables.markdown(table, [c.align for c in columns])
    title, *more = [escaped(line) for line in head]
    return "\n".join([f"**{title}**", "", *more, "", *lines, "", *("- " + escaped(f) for f in foot)]) + "\n"


def _markdown_cell(row: Row, column: Column, scale: Scale) -> str:
    shown = column.text(row, scale)
    if column.name == "path":
        return f"`{shown}`"
    return "" if shown == NONE else escaped(shown)


def csv(rows: Sequence[Row], columns: Sequence[Column], scale: Scale) -> str:
    """Plain numbers under the columns' names, sizes joined by ``x``. Rows add up: what is opened is left out."""
    import csv as writer
    import io

    out = io.StringIO()
    lines = writer.writer(out, lineterminator="\n")
    lines.writerow([c.name for c in columns])
    for row in rows:
        if row.kind != "section" and not row.opened:
            lines.writerow([_csv_cell(c.value(row, scale)) for c in columns])
    return out.getvalue()


def _csv_cell(value: object) -> object:
    if not isinstance(value, list):
        return "" if value is None else value
    items: list[object] = list(value)  # pyright: ignore[reportUnknownArgumentType]
    if items and all(item is None for item in items):
        return "all"
    if items and isinstance(items[0], list):
        return " ".join(str(_csv_cell(item)) for item in items)
    return "x".join("all" if item is None else f"{item:g}" if isinstance(item, float) else str(item) for item in items)


_CSS = (
    ".archc{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}"
    ".archc th,.archc td{padding:2px 10px;text-align:left;white-space:pre;border:0}"
    ".archc thead th{border-bottom:1px solid currentColor}"
    ".archc .n{text-align:right}.archc .s td{font-weight:bold;padding-top:6px}"
    ".archc .z{opacity:.4}.archc-title{font-weight:bold;margin:4px 10px}"
    ".archc-note{font-size:12px;opacity:.75;margin:2px 10px}"
)


def html(rows: Sequence[Row], columns: Sequence[Column], scale: Scale, head: Sequence[str], foot: Sequence[str]) -> str:
    """A small table for a notebook, with its style."""
    from html import escape

    def cell(tag: str, text: str, column: Column) -> str:
        classes = " ".join(name for name, on in (("n", column.align == ">"), ("z", text == NONE)) if on)
        return f"<{tag}{f' class={chr(34)}{classes}{chr(34)}' if classes else ''}>{escape(text)}</{tag}>"

    lines = [f"<style>{_CSS}</style>", f'<div class="archc-title">{escape(head[0])}</div>']
    lines += [f'<div class="archc-note">{escape(line)}</div>' for line in head[1:]]
    header = "".join(cell("th", c.header, c) for c in columns)
    lines.append(f'<table class="archc"><thead><tr>{header}</tr></thead><tbody>')
    for row in rows:
        if row.kind == "section":
            lines.append(f'<tr class="s"><td colspan="{len(columns)}">{escape(row.name)}</td></tr>')
        else:
            texts = _cells(row, columns, scale)
            lines.append("<tr>" + "".join(cell("td", t, c) for t, c in zip(texts, columns, strict=True)) + "</tr>")
    lines.append("</tbody></table>")
    return "\n".join([*lines, *(f'<div class="archc-note">{escape(line)}</div>' for line in foot)])
