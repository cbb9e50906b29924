"""The work of ``archc check``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from archc.checking.collect import spec_files
from archc.checking.report import Checked, Report, Snapshot, Variant, has_errors
from archc.checking.snapshots import compared, orphans, refuse, updated
from archc.compiler import SpecFile, unmatched_patterns
from archc.diagnostics.collector import Collector
from archc.diagnostics.diagnostic import CompileError
from archc.graph.graph import Graph
from archc.language.expect import results
from archc.language.files import load


def check(paths: Sequence[Path], *, update: bool = False) -> Report:
    """Check the specs among the paths and below them. With ``update`` their snapshots are written, not compared.

    Raises RequestError where snapshots can't be kept there, and archc.files.WriteError.
    """
    files = spec_files(paths)
    if update:
        refuse(files)
    return Report([check_file(file, update=update) for file in files], orphans(paths))


def check_file(path: Path, *, update: bool = False) -> Checked:
    """Compile all variants of a file, test their ``expect``, and compare their tables with the file's snapshot.

    A spec with mistakes is never compared, nor does ``update`` write its snapshot.
    """
    start = perf_counter()
    file = SpecFile(path, load(path))
    collector = file.loaded.mistakes()
    variants: list[Variant] = []
    graphs: list[Graph] = []
    for name in file.variants:
        variant, graph = _variant(file, name)
        variants.append(variant)
        graphs += [graph] if graph is not None else []
        collector.extend(variant.diagnostics)
    if len(graphs) == len(variants):
        collector.extend(unmatched_patterns(graphs))
    found = collector.sorted
    snapshot = None if has_errors(found) else _snapshot(path, graphs, update)
    return Checked(path, file.name, variants, found, file.sources, snapshot, perf_counter() - start)


def _variant(file: SpecFile, name: str) -> tuple[Variant, Graph | None]:
    start = perf_counter()
    try:
        compiled = file.compile(name)
    except CompileError as e:
        return Variant(name, False, e.diagnostics, (), perf_counter() - start), None
    collector = Collector(compiled.warnings)
    tree = file.expected(name)
    expectations = results(compiled.graph, tree, collector) if tree is not None else []
    return Variant(name, True, collector.sorted, expectations, perf_counter() - start), compiled.graph


def _snapshot(path: Path, graphs: Sequence[Graph], update: bool) -> Snapshot | None:
    return updated(path, graphs) if update else compared(path, graphs)
