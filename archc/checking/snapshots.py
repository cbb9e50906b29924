"""Snapshots: the tables of a spec's networks in a Markdown file beside it, so that a diff shows what became of them.

``net.yaml`` has ``net.table.md``, once ``archc check --update`` wrote it; from then on ``archc check`` compares. Its
text depends on the networks alone: neither versions nor hashes, dates or folders are in it. Numbers are exact, and no
row depends on another, so that what did not change does not show in the diff.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from archc.checking.collect import below
from archc.checking.report import Snapshot
from archc.diagnostics.diagnostic import RequestError
from archc.display.text import clean
from archc.files import write_text
from archc.graph.graph import Graph, named_shapes
from archc.language import library

if TYPE_CHECKING:
    from archc.backends.table import Table

SUFFIX = ".table.md"
DEPTH = 2  # levels of the module tree: stages and their blocks
SHOWN = 12  # lines of a diff that are shown
_MARK = "<!-- Written by `archc check --update`, compared by `archc check`. -->"
_COLUMNS = ("path", "op", "output", "params", "macs", "receptive_field", "total_stride")


def path_of(spec: Path) -> Path:
    """Where the snapshot of a spec is."""
    return spec.with_suffix(SUFFIX)


def compared(spec: Path, graphs: Sequence[Graph]) -> Snapshot | None:
    """How the snapshot stands to the networks; None where there is none."""
    path = path_of(spec)
    there = _read(path)
    if there is None:
        return None
    if not graphs:
        return Snapshot(path, "orphan", spec.name) if there.startswith(_MARK) else None
    fresh = text(spec.name, graphs)
    if there == fresh:
        return Snapshot(path, "current", spec.name)
    return Snapshot(path, "stale", spec.name, *_difference(there, fresh))


def updated(spec: Path, graphs: Sequence[Graph]) -> Snapshot | None:
    """Write the snapshot if it is missing or differs. Raises WriteError."""
    known = compared(spec, graphs)
    if not graphs or (known is not None and known.state == "current"):
        return known
    write_text(path_of(spec), text(spec.name, graphs))
    return Snapshot(path_of(spec), "written", spec.name)


def refuse(specs: Iterable[Path]) -> None:
    """Raises RequestError for specs that can't have a snapshot: archc's own, and two that would have the same."""
    taken: dict[Path, Path] = {}
    for spec in specs:
        if spec.resolve().is_relative_to(library.folder().resolve()):
            raise RequestError(
                f"{library.shown(spec)} is of archc's library, beside which no tables are kept",
                "name the specs that are yours: archc check --update PATH",
            )
        other = taken.setdefault(path_of(spec.resolve()), spec)
        if other is not spec:
            raise RequestError(f"{other} and {spec} would both have the table {path_of(spec).name}", "rename one")


def orphans(paths: Iterable[Path]) -> list[Snapshot]:
    """The snapshots below the folders among the paths that have no spec."""
    found = (file for folder in paths if folder.is_dir() for file in below(folder, (SUFFIX,)))
    return [Snapshot(file, "orphan", _spec_of(file).name) for file in found if _alone(file)]


def text(name: str, graphs: Sequence[Graph]) -> str:
    """The snapshot of the spec file of that name, which ends with a line end."""
    return "\n".join([_MARK, "", f"# `{clean(name)}`", *("\n" + _table(graph).rstrip("\n") for graph in graphs), ""])


def _table(graph: Graph) -> str:
    from archc.backends.table import COLUMNS, Row, Table, formats  # the check alone needs no tables
    from archc.backends.table.columns import Scale, count
    from archc.backends.table.heading import inputs

    def macs(row: Row, _: Scale) -> str:
        return count(row.macs)

    exact = {"macs": replace(COLUMNS["macs"], text=macs)}
    table = Table(graph, depth=DEPTH)
    columns = [exact.get(name, COLUMNS[name]) for name in _COLUMNS]
    head = [graph.variant, inputs(graph)]
    return formats.markdown(table.rows, columns, Scale.of(table.cost), head, list(_totals(graph, table)))


def _totals(graph: Graph, table: Table) -> Iterator[str]:
    total = table.cost.total
    yield f"parameters {total.params:,}"
    if total.trainable_params != total.params:
        yield f"trainable {total.trainable_params:,}"
    yield f"MACs {total.macs:,}"
    yield f"activations {total.activations:,}"
    yield f"peak memory of inference {total.peak_activation_bytes:,} bytes"
    if len(graph.outputs) > 1:
        yield f"outputs {named_shapes(graph.outputs)}"


def _read(path: Path) -> str | None:
    """The text with line ends as here, whatever a checkout made of them; None where there is no such file."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None


def _difference(there: str, fresh: str) -> tuple[int, list[str]]:
    """The first line of ``there`` that differs, and the first lines of the diff, without the names of its files."""
    from difflib import unified_diff  # only when something differs

    old, new = there.splitlines(), fresh.splitlines()
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
    lines = list(unified_diff(old, new, n=0, lineterm=""))[2:]
    more = len(lines) - SHOWN
    shown = [clean(line) for line in lines[:SHOWN]] + [f"and {more} more lines"] * (more > 0)
    return max(1, min(same + 1, len(old))), shown


def _spec_of(snapshot: Path) -> Path:
    return snapshot.with_name(snapshot.name.removesuffix(SUFFIX) + library.SUFFIXES[0])


def _alone(snapshot: Path) -> bool:
    """Whether a snapshot of ours has no spec; files of others may be called so, too."""
    if any(_spec_of(snapshot).with_suffix(suffix).exists() for suffix in library.SUFFIXES):
        return False
    return (_read(snapshot) or "").startswith(_MARK)
