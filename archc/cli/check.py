"""``archc check``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from archc.cli.failures import BAD_INPUT, FAILED_CHECK
from archc.cli.options import show_diagnostics
from archc.compiler import SpecFile, unmatched_patterns
from archc.diagnostics.collector import Collector
from archc.diagnostics.diagnostic import CompileError, Diagnostic
from archc.diagnostics.errors.suggest import count
from archc.graph.graph import Graph
from archc.language.expect import Expectation, unmet
from archc.language.files import load
from archc.language.library import SUFFIXES, folder


@dataclass(frozen=True)
class Checked:
    """What was found of one file. ``variants`` is empty for a file that only holds blocks."""

    name: str
    variants: Sequence[str]
    unmet: Sequence[tuple[str, Expectation]]
    diagnostics: Sequence[Diagnostic]

    @property
    def broken(self) -> bool:
        return any(d.severity == "error" for d in self.diagnostics)


@click.command(name="check")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
def command(paths: Sequence[Path]) -> int:
    """Compile every variant of every spec in PATHS, and test what it expects.

    Without PATHS: of specs/ here, or else of the library.
    """
    files = list(_files(paths or [Path("specs") if Path("specs").is_dir() else folder()]))
    if not files:
        raise click.UsageError(f"there is no spec (*.yaml) in {', '.join(map(str, paths))}")
    checked = [check_file(file) for file in files]
    width = max(len(c.name) for c in checked)
    for one in checked:
        _show(one, width)
    return _conclude(checked)


def check_file(path: Path) -> Checked:
    """Compile all variants of a file and test their ``expect``."""
    collector = Collector()
    file = SpecFile(path, load(path))
    for diagnostic in file.loaded.diagnostics:
        collector.add(diagnostic)
    failures: list[tuple[str, Expectation]] = []
    graphs: list[Graph] = []
    for variant in file.variants:
        try:
            compiled = file.compile(variant)
            found: Sequence[Diagnostic] = compiled.warnings
            graphs.append(compiled.graph)
            failures += ((variant, failure) for failure in _unmet(file, compiled.graph, collector))
        except CompileError as e:
            found = e.diagnostics
        for diagnostic in found:
            collector.add(diagnostic)
    if len(graphs) == len(file.variants):
        for diagnostic in unmatched_patterns(graphs):
            collector.add(diagnostic)
    return Checked(file.name, file.variants, failures, collector.sorted)


def _unmet(file: SpecFile, graph: Graph, collector: Collector) -> list[Expectation]:
    expected = file.spec.expect.get(graph.variant) if file.spec else None
    return unmet(graph, expected[1], collector) if expected else []


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    """The specs among the paths and below them; what is hidden is left alone."""
    for path in paths:
        if path.is_file():
            yield path
            continue
        for file in sorted(path.rglob("*")):
            hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
            if file.suffix in SUFFIXES and file.is_file() and not hidden:
                yield file


def _show(checked: Checked, width: int) -> None:
    what = count(len(checked.variants), "variant") if checked.variants else "blocks"
    errors = sum(d.severity == "error" for d in checked.diagnostics)
    failed = len(checked.unmet)
    state = count(errors, "error") if errors else f"{failed} failed" if failed else "ok"
    click.echo(f"{checked.name:<{width}}  {what:>12}   {state}")
    columns = [max((len(text) for text in column), default=0) for column in zip(*_cells(checked), strict=True)]
    for *cells, place in _cells(checked):
        click.echo("  " + "  ".join(f"{c:<{w}}" for c, w in zip(cells, columns, strict=False)) + f"  ({place})")


def _cells(checked: Checked) -> list[tuple[str, str, str, str, str]]:
    return [
        (variant, u.what, u.found, f"expected {u.expected}", f"{u.span.source.name}:{u.span.line}")
        for variant, u in checked.unmet
    ]


def _conclude(checked: Sequence[Checked]) -> int:
    diagnostics = [d for one in checked for d in one.diagnostics]
    show_diagnostics(diagnostics)
    failed = sum(len(one.unmet) for one in checked)
    variants = sum(len(one.variants) for one in checked)
    counted = f"{count(len(checked), 'file')}, {count(variants, 'variant')}"
    broken = sum(one.broken for one in checked)
    verdict = [f"{broken} with errors"] * bool(broken) + [f"{failed} failed"] * bool(failed)
    click.echo(f"{counted}: {', '.join(verdict) or 'all as expected'}")
    if broken:
        return BAD_INPUT
    return FAILED_CHECK if failed else 0
