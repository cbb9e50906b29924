"""Which files are specs, and the tests that each holds.

Collecting reads the files and compiles nothing, so that a selection pays only for what it runs.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from archc.checking.snapshots import path_of
from archc.compiler import Compiled, SpecFile
from archc.diagnostics.diagnostic import CompileError, Diagnostic
from archc.diagnostics.span import Span
from archc.language import limits
from archc.language.expect import Line, lines
from archc.language.files import load
from archc.language.library import SUFFIXES
from archc.testing.failures import SpecError, location
from archc.testing.items import (
    CompilesItem,
    ExpectItem,
    GradientsItem,
    OnnxItem,
    PatternsItem,
    ReadsItem,
    SpecItem,
    TableItem,
)
from archc.testing.settings import Settings

N = TypeVar("N", bound=pytest.Item | pytest.Collector)

_KEYS = re.compile(rb"^[\"']?(stem|body|head|blocks|variants|expect)[\"']?[ \t]*:", re.MULTILINE)


class Specs:
    """The hooks of a run with ``--archc``."""

    def __init__(self, config: pytest.Config) -> None:
        self.settings = Settings.of(config)

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        if file_path.suffix not in SUFFIXES:
            return None
        if not parent.session.isinitpath(file_path) and (file_path.name.startswith(".") or not looks_like(file_path)):
            return None
        return _made(SpecCollector, parent, path=file_path, settings=self.settings)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if isinstance(item, SpecItem) and call.excinfo is not None:
            error = call.excinfo.value
            if isinstance(error, SpecError):
                report.location = location(error, item.config.rootpath, report.location[2])
            elif isinstance(error, pytest.skip.Exception):
                path, line, _ = item.reportinfo()
                report.longrepr = (str(path), line + 1, f"Skipped: {error.msg}")
        return report


def looks_like(path: Path) -> bool:
    """Whether a YAML file is a spec, told from its top-level keys: also where the rest of it can't be read."""
    try:
        with path.open("rb") as file:
            return _KEYS.search(file.read(limits.FILE_BYTES)) is not None
    except OSError:
        return False


def _made(cls: type[N], parent: pytest.Collector, **given: Any) -> N:
    return cls.from_parent(parent, **given)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


class SpecCollector(pytest.File):
    """A spec: a collector for each variant. What can't be read, and what holds blocks alone, is one test."""

    def __init__(self, *, settings: Settings, **rest: Any) -> None:
        super().__init__(**rest)
        self.settings = settings
        self.file = SpecFile(self.path, load(self.path))

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        if self.file.loaded.mistakes().failed or not self.file.variants:
            yield _made(ReadsItem, self, name="reads", file=self.file, line=1)
            return
        spec = self.file.spec
        assert spec is not None
        for name in self.file.variants:
            span = spec.variants[name].span if name in spec.variants else spec.span
            yield _made(VariantCollector, self, name=name, span=span)
        if path_of(self.path).exists():
            yield _made(TableItem, self, name="table", file=self.file, line=1)
        if any("." in entry.key.text for entry in spec.init):
            yield _made(PatternsItem, self, name="init", file=self.file, line=spec.init[0].key.span.line)


class VariantCollector(pytest.Collector):
    """A network: what is compiled of it is kept while its tests run."""

    parent: SpecCollector

    def __init__(self, *, span: Span, **rest: Any) -> None:
        super().__init__(**rest)
        self.span = span
        self._kept: Compiled | list[Diagnostic] | None = None

    def collect(self) -> Iterator[pytest.Item]:
        place: dict[str, Any] = {"file": self.parent.file, "line": self.span.line}
        yield _made(CompilesItem, self, name="compiles", **place)
        for line in self.expected():
            yield _made(ExpectItem, self, name=line.what, file=self.parent.file, line=line.span.line)
        if self.parent.settings.numerics:
            yield _made(OnnxItem, self, name="module-equals-onnx", **place)
            yield _made(GradientsItem, self, name="gradients", **place)

    def expected(self) -> list[Line]:
        tree = self.parent.file.expected(self.name)
        return list(lines(tree)) if tree is not None else []

    def compiled(self) -> Compiled | list[Diagnostic]:
        """The network with its warnings, or all that is wrong with it."""
        if self._kept is None:
            try:
                self._kept = self.parent.file.compile(self.name)
            except CompileError as error:
                self._kept = error.diagnostics
        return self._kept

    def teardown(self) -> None:
        self._kept = None
