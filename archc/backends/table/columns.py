"""The columns of a table, and how their cells are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from archc.backends.table.rows import Row
from archc.display.numbers import binary, exact
from archc.graph.cost import Cost
from archc.graph.receptive import Field
from archc.ops.base import Op
from archc.ops.shape import Shape

NONE = "·"


class TableError(ValueError):
    """A table was asked for that there is not: an unknown column, format or depth."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What the cells of one table are measured by."""

    params: int
    macs: int

    @staticmethod
    def of(cost: Cost) -> Scale:
        return Scale(cost.total.params, cost.total.macs)


@dataclass(frozen=True, slots=True)
class Column:
    """``text`` is for people, ``value`` for programs: a number, a string, a list or None."""

    name: str
    header: str
    text: Callable[[Row, Scale], str]
    value: Callable[[Row, Scale], Any]
    align: str = ">"


def count(n: int) -> str:
    return exact(n) if n else NONE


def millions(n: int, total: int) -> str:
    """``118.0 M``, in a table whose total is large; small tables say it exactly."""
    if total < 10_000_000 or not n:
        return count(n)
    return f"{n / 1e6:,.1f} M" if n >= 50_000 else "<0.1 M"


def share(n: int, total: int) -> str:
    """Per cent with one decimal."""
    return f"{100 * n / total:.1f}" if n else NONE


def size(n: int) -> str:
    return binary(n) if n else NONE


def shape_text(shapes: Sequence[Shape]) -> str:
    """``64 × 56 × 56``; of a list, ``2 of 58 × 28 × 28``, or one after the other where they differ."""
    if not shapes:
        return NONE
    if len(shapes) == 1:
        return str(shapes[0])
    if len(set(shapes)) == 1:
        return f"{len(shapes)} of {shapes[0]}"
    return ", ".join(map(str, shapes))


def sizes_text(sizes: Sequence[Any] | None, whole: str = NONE) -> str:
    """(3, 3) as ``3``, (3, 5) as ``3×5``; ``whole`` stands for None."""
    if not sizes:
        return NONE
    texts = [whole if s is None else str(s) for s in sizes]
    return texts[0] if len(set(texts)) == 1 else "×".join(texts)


def geometry(op: Op) -> tuple[Any, Any, Any]:
    """(kernel, stride, padding) of an op with a window, each by axis; the kernel without the holes of a dilation."""
    window = op.window()
    if window is None:
        return None, None, None
    return getattr(op, "kernel_size", window[0]), window[1], window[2]


def _geometry(row: Row, place: int) -> Any:
    return geometry(row.node.op)[place] if row.node else None


def _window(name: str, header: str, place: int) -> Column:
    return Column(name, header, lambda r, _: sizes_text(_geometry(r, place)), lambda r, _: as_list(_geometry(r, place)))


def as_list(sizes: Sequence[Any] | None) -> list[Any] | None:
    """Sizes for a program; a fraction becomes a float."""
    return None if sizes is None else [s if s is None or isinstance(s, int) else float(s) for s in sizes]


def field_value(field: Field | None) -> list[Any] | None:
    """The receptive field by axis, None for an axis that is seen whole; None if all are, or there are none."""
    if field is None or all(size is None for size in field.sizes):
        return None
    return list(field.sizes)


def output_value(row: Row) -> Any:
    """The shape as a list; a list of them for what gives a list of tensors."""
    shapes = [list(s.dims) for s in row.outputs]
    return shapes if row.many else shapes[0] if shapes else None


def _output(row: Row, _: Scale) -> str:
    return shape_text(row.outputs) if row.live else "not run"


def _stride_value(row: Row, _: Scale) -> list[Any] | None:
    return as_list(row.field.strides) if row.field and any(row.field.strides) else None


COLUMNS: dict[str, Column] = {
    c.name: c
    for c in [
        Column("path", "layer", lambda r, _: r.path, lambda r, _: r.path, "<"),
        Column("op", "op", lambda r, _: r.label, lambda r, _: r.label, "<"),
        Column("inputs", "inputs", lambda r, _: ", ".join(r.inputs) or NONE, lambda r, _: " ".join(r.inputs), "<"),
        Column("output", "output", _output, lambda r, _: output_value(r), "<"),
        Column("params", "params", lambda r, _: count(r.params), lambda r, _: r.params),
        Column("params%", "%", lambda r, s: share(r.params, s.params), lambda r, s: _percent(r.params, s.params)),
        Column("macs", "MACs", lambda r, s: millions(r.macs, s.macs), lambda r, _: r.macs),
        Column("macs%", "%", lambda r, s: share(r.macs, s.macs), lambda r, s: _percent(r.macs, s.macs)),
        Column("flops", "FLOPs", lambda r, s: millions(2 * r.macs, 2 * s.macs), lambda r, _: 2 * r.macs),
        Column("activations", "activations", lambda r, _: count(r.activations), lambda r, _: r.activations),
        Column("memory", "memory", lambda r, _: size(r.memory), lambda r, _: r.memory),
        Column("saved", "saved", lambda r, _: size(r.saved), lambda r, _: r.saved),
        _window("kernel", "kernel", 0),
        _window("stride", "op stride", 1),
        _window("padding", "padding", 2),
        Column(
            "receptive_field",
            "field",
            lambda r, _: sizes_text(r.field and r.field.sizes, "all"),
            lambda r, _: as_list(r.field and r.field.sizes),
        ),
        Column("total_stride", "stride", lambda r, _: sizes_text(r.field and r.field.strides), _stride_value),
    ]
}
ALIASES = {"layer": "path", "field": "receptive_field"}
DEFAULT = ("path", "op", "output", "params", "params%", "macs", "macs%", "receptive_field", "total_stride")


def _percent(n: int, total: int) -> float:
    return round(100 * n / total, 4) if total else 0.0


def select(names: Sequence[str] | None, macs: str = "MACs") -> list[Column]:
    """The columns of these names; ``macs`` heads the one of that name. Raises TableError for one that there is not."""
    if names is not None and not names:
        raise TableError("a table needs at least one column")
    columns = [_column(name) for name in names or DEFAULT]
    return [replace(c, header=macs) if c.name == "macs" else c for c in columns]


def _column(name: str) -> Column:
    found = COLUMNS.get(ALIASES.get(name, name))
    if found is None:
        raise TableError(f"no column `{name}`.{_meant(name)} There are {', '.join(COLUMNS)}")
    return found


def _meant(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name.lower(), [*COLUMNS, *ALIASES], 1)
    return f" Did you mean `{near[0]}`?" if near else ""
