"""The changes of a comparison as rows: equal ones in a series are one row."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from archc.backends.spec_text import value_text
from archc.backends.table.columns import shape_text
from archc.backends.table.rows import contents, reference, repeated
from archc.display.names import some
from archc.display.numbers import by_axis
from archc.display.paths import all_series, grids, grouped, kin, series
from archc.graph.comparison import Change, Comparison, Kind
from archc.graph.graph import Child, Module, Node, Tensor
from archc.ops.kinds import compact

SIGNS: dict[Kind, str] = {"added": "+", "removed": "−"}
CHANGED = "~"


@dataclass(frozen=True, slots=True)
class Row:
    """One line: ``times`` equal changes. Numbers are B's less A's, of all of them."""

    sign: str
    path: str
    text: str
    times: int
    params: int
    macs: int


def rows(comparison: Comparison, unfold: bool) -> list[Row]:
    """The changes in order, and at the end, as one, those that follow from others: shapes alone."""
    changes = comparison.changes
    told = [c for c in changes if c.kind != "reshaped" or unfold]
    groups = [[c] for c in told] if unfold else _groups(told)
    shown = [_row(comparison, group) for group in groups]
    follows = [] if unfold else [c for c in changes if c.kind == "reshaped"]
    return shown + ([_followers(comparison, follows)] if follows else [])


def _groups(changes: Sequence[Change]) -> list[list[Change]]:
    """Equal changes that one row can tell, in the order of their first; those of a series as its grids."""
    found: list[list[Change]] = []
    for group in grouped((_key(c), c) for c in changes):
        if len({kin(c.path) for c in group}) > 1 or group[0].kind == "renamed":
            found.append(group)
            continue
        by_path = {c.path: c for c in group}
        found += [[by_path[path] for path in grid] for grid in grids(by_path)]
    order = {id(c): i for i, c in enumerate(changes)}
    return sorted(found, key=lambda group: order[id(group[0])])


def _key(change: Change) -> Hashable:
    """Equal for changes that one row may tell."""
    where: Hashable = kin(change.path)
    a, b = change.a, change.b
    if change.kind == "renamed" and a is not None and b is not None:
        around = (a.parent and a.parent.path, b.parent and b.parent.path)
        if a.name.isdecimal() and b.name.isdecimal():
            where = "renumbered", around
        elif a.name == b.name:
            where = "moved", around
        else:
            where = kin(a.path), where
    return change.kind, where, _words(change)


def _row(comparison: Comparison, group: Sequence[Change]) -> Row:
    first, times = group[0], len(group)
    sign = SIGNS.get(first.kind, CHANGED)
    path = _path([c.child for c in group])
    text = _renamed(group) if first.kind == "renamed" else _words(first)
    if times > 1 and first.kind != "renamed":
        text = repeated(times, text) if first.kind in SIGNS else f"{times} × {text}"
    return Row(sign, path, text, times, *_difference(comparison, group))


def _path(children: Sequence[Child]) -> str:
    """Where they stand: one series, or, where they are none, some of a container's."""
    if len({kin(c.path) for c in children}) == 1 and len(grids(c.path for c in children)) == 1:
        return series([c.path for c in children])
    parent = children[0].parent
    return f"{parent.path}.*" if parent is not None and parent.path else "*"


def _difference(comparison: Comparison, changes: Iterable[Change]) -> tuple[int, int]:
    spent = [comparison.spent(c) for c in changes]
    return sum(b[0] - a[0] for a, b in spent), sum(b[1] - a[1] for a, b in spent)


def _words(change: Change) -> str:
    """What happened to the child; of one that got another path, what else."""
    a, b = change.a, change.b
    if a is None or b is None:
        return label(change.child)
    parts: list[str] = []
    if isinstance(a, Node) and isinstance(b, Node) and change.arguments:
        named = (f"{name} {_value(old)} → {_value(new)}" for name, (old, new) in change.arguments.items())
        parts.append(f"{b.op.name}: {', '.join(named)}")
    elif isinstance(a, Node) != isinstance(b, Node) or change.kind == "replaced" or _op(a) != _op(b):
        parts.append(f"{label(a)} → {label(b)}")
    if change.reads:
        verb = "gives" if isinstance(b, Module) else "reads"
        old, new = (_names(ts, c) for ts, c in zip(change.reads, (a, b), strict=True))
        parts.append(f"{verb} {old} → {new}")
    if change.kind == "reshaped":
        parts.append(reshaped(a, b))
    return "; ".join(parts)


def label(child: Child) -> str:
    """``bottleneck``; ``conv 3×3 p1``."""
    return child.op.summary() if isinstance(child, Node) else contents(child)


def _op(child: Child) -> str:
    return child.op.name if isinstance(child, Node) else ""


def _value(value: object) -> str:
    return value_text(compact(value) if isinstance(value, tuple) and value else value)  # pyright: ignore


def _names(tensors: Sequence[Tensor], reader: Child) -> str:
    """Tensors as seen from the reader's container (of a container's own result, from within)."""
    around = reader if isinstance(reader, Module) else reader.parent
    start = f"{around.path}." if around.path else ""
    return ", ".join(reference(t).removeprefix(start) for t in tensors) or "nothing"


def _renamed(group: Sequence[Change]) -> str:
    """``was layer1``; ``12 layers, were features.{0…11}``; then what else happened to them."""
    before = [c.a for c in group if c.a is not None]
    more = _words(group[0])
    if len(before) == 1:
        was = f"was {before[0].path}"
    else:
        noun = "layers" if all(isinstance(c, Node) for c in before) else "children"
        was = f"{len(before)} {noun}, were {some(all_series(c.path for c in before))}"
    return f"{was}; {more}" if more else was


def _followers(comparison: Comparison, changes: Sequence[Change]) -> Row:
    first = changes[0]
    assert first.a is not None and first.b is not None
    noun = "layers" if len(changes) > 1 else "layer"
    text = f"other shapes, from what comes before; first {first.path}: {reshaped(first.a, first.b)}"
    return Row(CHANGED, f"{len(changes)} {noun}", text, len(changes), *_difference(comparison, changes))


def reshaped(a: Child, b: Child) -> str:
    """The shapes of what the child gives, or, where these are equal, of a weight."""
    old, new = (shape_text([t.shape for t in c.outputs]) for c in (a, b))
    if old == new and isinstance(a, Node) and isinstance(b, Node):
        for name, weight in b.weights.items():
            before = a.weights.get(name)
            if before is not None and before.shape != weight.shape:
                sizes = (by_axis(w.shape) for w in (before, weight))
                return f"{name or 'parameter'} {' → '.join(sizes)}"
    return f"{old} → {new}"
