"""The tests of a spec. Each fails with a SpecError: diagnostics at their places."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from archc.checking.snapshots import compared
from archc.cli.failures import EXTRAS
from archc.compiler import Compiled, SpecFile, unmatched_patterns
from archc.diagnostics import errors
from archc.diagnostics.collector import Collector
from archc.diagnostics.diagnostic import CompileError, Diagnostic, Label
from archc.diagnostics.span import Source, Span
from archc.display.numbers import binary
from archc.graph.graph import Graph
from archc.language.expect import Line, results
from archc.language.library import shown
from archc.network import Network
from archc.testing import SpecWarning, numerics
from archc.testing.failures import SpecError, represent

if TYPE_CHECKING:
    from archc.testing.collection import VariantCollector


class SpecItem(pytest.Item):
    """A test of a spec. ``line`` is where what it tests is written."""

    def __init__(self, *, file: SpecFile, line: int, **rest: Any) -> None:
        super().__init__(**rest)  # pyright: ignore[reportUnknownMemberType]
        self.file, self.line = file, line
        self.add_marker("archc")

    def fail(self, diagnostics: Sequence[Diagnostic]) -> None:
        """Fail if there is anything to say."""
        if diagnostics:
            raise SpecError(diagnostics, self.file.sources)

    def reportinfo(self) -> tuple[Path, int, str]:
        domain = self.nodeid.partition("::")[2].replace("::", " ")
        return self.path, self.line - 1, domain

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, SpecError):
            return represent(excinfo.value, excinfo)
        return super().repr_failure(excinfo, style)


class MistakesItem(SpecItem):
    """Finds mistakes that another test may find too: several variants build one block, several files use one."""

    def mistakes(self) -> list[Diagnostic]:
        """All that is wrong, if anything is."""
        raise NotImplementedError

    def runtest(self) -> None:
        found = [d for d in self.mistakes() if d.severity == "error"]
        if not found:
            return
        first = {self._key(d): self._first_to_find(d) for d in found}
        own = [d for d in found if first[self._key(d)] is self]
        if not own:
            pytest.skip(f"has the mistakes of {', '.join(dict.fromkeys(i.nodeid for i in first.values()))}")
        self.fail(own)

    def _first_to_find(self, diagnostic: Diagnostic) -> MistakesItem:
        """Of all tests of this run that find this mistake, the one to report it."""
        key = self._key(diagnostic)
        for item in self.session.items:
            if item is self:
                break
            if isinstance(item, MistakesItem) and item._may_find(key[1]) and key in map(item._key, item.mistakes()):
                return item
        return self

    def _key(self, diagnostic: Diagnostic) -> tuple[str, Path, int, int]:
        """By what one mistake is known, whoever finds it."""
        span = diagnostic.span
        return diagnostic.code, self.file.sources.get(span.source, self.path).resolve(), span.start, span.end

    def _may_find(self, path: Path) -> bool:
        return any(path == one.resolve() for one in self.file.sources.values())


class ReadsItem(MistakesItem):
    """A file that holds blocks, or can't be read, is free of mistakes."""

    def __init__(self, **rest: Any) -> None:
        super().__init__(**rest)
        self.extra_keyword_matches.update(self.file.variants)  # a network is selected, and its file can't be read

    def mistakes(self) -> list[Diagnostic]:
        return self.file.loaded.mistakes().sorted


class CompilesItem(MistakesItem):
    """A variant compiles. What archc warns of is a warning of pytest, at its line."""

    parent: VariantCollector

    def mistakes(self) -> list[Diagnostic]:
        found = self.parent.compiled()
        return [] if isinstance(found, Compiled) else found

    def runtest(self) -> None:
        super().runtest()
        found = self.parent.compiled()
        for warning in found.warnings if isinstance(found, Compiled) else found:
            self.warn_of(warning)

    def warn_of(self, diagnostic: Diagnostic) -> None:
        if diagnostic.severity == "warning":
            path = self.file.sources.get(diagnostic.span.source, self.path)
            warning = SpecWarning(f"{diagnostic.message} ({diagnostic.code})")
            try:
                warnings.warn_explicit(warning, None, str(path), diagnostic.span.line)
            except SpecWarning:  # where warnings are errors
                self.fail([diagnostic])


class FileItem(SpecItem):
    """A test of all variants of a file together; skipped where one does not compile, which its first test says."""

    def runtest(self) -> None:
        graphs: list[Graph] = []
        for name in self.file.variants:
            try:
                graphs.append(self.file.compile(name).graph)
            except CompileError:
                pytest.skip(f"{name} does not compile")
        self.test(graphs)

    def test(self, graphs: Sequence[Graph]) -> None:
        raise NotImplementedError


class PatternsItem(FileItem):
    """Each pattern of `init` matches some weight of some variant."""

    def test(self, graphs: Sequence[Graph]) -> None:
        self.fail(unmatched_patterns(graphs))


class TableItem(FileItem):
    """The table kept beside the spec is that of its networks."""

    def test(self, graphs: Sequence[Graph]) -> None:
        found = compared(self.path, graphs)
        if found is not None and found.bad:
            source = Source(shown(found.path), found.path.read_text(encoding="utf-8", errors="replace"))
            said = Diagnostic(
                found.code,
                found.message,
                Label(_line(source, found.line)),
                notes=("\n".join(found.diff),),
                help=found.help,
            )
            raise SpecError([said], {source: found.path})


def _line(source: Source, number: int) -> Span:
    before = sum(map(len, source.text.splitlines(keepends=True)[: number - 1]))
    return Span(source, before, before + len(source.line(number)))


class NetworkItem(SpecItem):
    """A test of a network that compiles; skipped where it does not, which its first test says."""

    parent: VariantCollector

    def runtest(self) -> None:
        found = self.parent.compiled()
        if not isinstance(found, Compiled):
            pytest.skip(f"{self.parent.name} does not compile")
        self.test(found.graph)

    def test(self, graph: Graph) -> None:
        raise NotImplementedError


class ExpectItem(NetworkItem):
    """One line of `expect` holds."""

    def test(self, graph: Graph) -> None:
        tree = self.file.expected(graph.variant)
        assert tree is not None
        collector = Collector()
        found = {e.what: e for e in results(graph, tree, collector)}
        if self.name not in found:
            self._means_nothing(collector.sorted)
        elif not found[self.name].holds:
            self.fail([found[self.name].diagnostic(graph.variant)])

    def _means_nothing(self, diagnostics: list[Diagnostic]) -> None:
        """Fail with what is said of the line, unless it was said of an earlier one: two figures at one wrong path."""
        own: Line | None = None
        for line in self.parent.expected():
            said = [d for d in diagnostics if _meet(d.span, line.span)]
            diagnostics = [d for d in diagnostics if d not in said]
            if line.what == self.name:
                own = line
                self.fail(said)
        assert own is not None
        pytest.skip("as the line before it")


def _meet(a: Span, b: Span) -> bool:
    return a.source is b.source and a.start < b.end and b.start < a.end


class NumericItem(NetworkItem):
    """A test that runs the network. Skipped where a library for that is missing, or the network is too large."""

    training = False

    def __init__(self, **rest: Any) -> None:
        super().__init__(**rest)
        self.add_marker("archc_numeric")

    def test(self, graph: Graph) -> None:
        settings = self.parent.parent.settings
        network = numerics.network_of(self.file, graph.variant, settings.size)
        needed = numerics.memory_needed(network.graph, training=self.training)
        if settings.memory is not None and needed > settings.memory:
            pytest.skip(
                f"running it takes about {binary(needed)}, and archc_memory is {binary(settings.memory)}: "
                "--archc-large runs it"
            )
        try:
            self.fail(self.wrong(network))
        except ModuleNotFoundError as error:
            extra = EXTRAS.get((error.name or "").partition(".")[0])
            if extra is None:
                raise
            pytest.skip(f"this needs {error.name}: pip install 'archc[{extra}]'")

    def wrong(self, network: Network) -> list[Diagnostic]:
        raise NotImplementedError


class OnnxItem(NumericItem):
    """The module and the ONNX of a network give the same, with random weights."""

    def wrong(self, network: Network) -> list[Diagnostic]:
        found = numerics.differing(network)
        return [errors.onnx_differs(self.parent.span, network.graph.variant, found)] if found else []


class GradientsItem(NumericItem):
    """One backward pass gives every parameter a finite gradient."""

    training = True

    def wrong(self, network: Network) -> list[Diagnostic]:
        return numerics.without_gradient(network)
