"""From a spec to a graph: text → located tree → Spec → Graph, checked. Each stage knows nothing of the one after."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archc.diagnostics import errors
from archc.diagnostics.collector import Collector
from archc.diagnostics.diagnostic import CompileError, Diagnostic, RequestError
from archc.diagnostics.errors.suggest import did_you_mean
from archc.diagnostics.span import Source, Span
from archc.display.names import listed
from archc.graph.graph import Graph, Module, Tensor
from archc.graph.patterns import matches
from archc.graph.verify import verify
from archc.language import library
from archc.language.evaluate import Evaluator
from archc.language.expand import Expander
from archc.language.files import Loaded, load, load_from
from archc.language.finish import preprocess_of, read_labels, read_preprocess, warn_unused
from archc.language.given import as_shape, as_value
from archc.language.initialisers import read_init
from archc.language.link import Linker
from archc.language.outputs import Outputs, only_output
from archc.language.record import record
from archc.language.reporting import Exhausted
from archc.language.schema import check_param, read_shapes
from archc.language.scope import UNKNOWN, Children, Scope, Value
from archc.language.spec import SECTIONS, Spec
from archc.language.syntax import Mapping as SpecMapping
from archc.ops.shape import Shape

Shapes = Mapping[str, Sequence[int]] | Sequence[int]


@dataclass(frozen=True)
class Compiled:
    """A graph, and what there is to warn of."""

    graph: Graph
    warnings: tuple[Diagnostic, ...]


class SpecFile:
    """A spec file, read. ``variants`` are the names that it compiles by; none where it is only used by others."""

    def __init__(self, path: Path, loaded: Loaded) -> None:
        self.path, self.loaded = path, loaded

    @property
    def name(self) -> str:
        """As messages name it."""
        return self.loaded.source.name

    @property
    def spec(self) -> Spec | None:
        return self.loaded.spec

    @property
    def variants(self) -> list[str]:
        spec = self.spec
        if spec is None or not (spec.sections or spec.shapes):
            return []
        return spec.variant_names

    @property
    def sources(self) -> dict[Source, Path]:
        """The text of the file, and of each that it uses → where it was read."""
        return {one.source: one.path for one in self.loaded.everything()}

    def expected(self, variant: str) -> SpecMapping | None:
        """What `expect` says of a variant."""
        entry = self.spec.expect.get(variant) if self.spec is not None else None
        return entry[1] if entry is not None else None

    def compile(
        self, variant: str | None = None, params: Mapping[str, Any] | None = None, input: Shapes | None = None
    ) -> Compiled:
        """The network of a variant, with these parameters and input shapes in place of its own.

        Raises CompileError with all that is wrong with the spec, and RequestError for a variant, parameter or input
        that it does not have.
        """
        collector = self.loaded.mistakes()
        spec = self.spec
        if spec is None:
            collector.check()
            raise AssertionError("a file that can't be read has a diagnostic")
        if not self.variants:
            collector.check()
            raise RequestError(f"{self.name} holds blocks for other specs, and no network")
        chosen = self._variant(spec, variant, collector)
        return _Compilation(self.loaded, spec, chosen, collector).run(dict(params or {}), input)

    def _variant(self, spec: Spec, variant: str | None, collector: Collector) -> str:
        names = spec.variant_names
        if variant is None and len(names) > 1:
            collector.check()
            raise RequestError(
                f"{self.name} has {len(names)} variants: {listed(names)}", f"name one: {self.name}:{names[0]}"
            )
        if variant is not None and variant not in names:
            hint = did_you_mean(str(variant), names)
            raise RequestError(f"{self.name} has no variant `{variant}`", hint or f"it has {listed(names)}")
        return variant or names[0]


def open_spec(ref: str | Path) -> tuple[SpecFile, str | None]:
    """The file that SPEC means, and the variant if it names one: a file, `file:variant`, or a name of the library.

    `HEAD~1:file.yaml` is a file at a git revision, as git writes it. Raises RequestError where there is none.
    """
    text = str(ref)
    for path, variant in _as_file(text):
        special = variant is None and os.path.exists(path) and not os.path.isdir(path)  # a pipe, say
        if special or os.path.isfile(path):  # false where a name is too long
            return SpecFile(path, load(path)), variant
    if (found := _as_revision(text)) is not None:
        return found
    family, _, variant = text.partition(":")
    for path in library.candidates(family):
        file = SpecFile(path, load(path))
        if variant or family in file.variants:
            return file, variant or family
        if path.stem == family:
            return file, None
    if os.path.isdir(text):  # a folder of outputs, named like a network of the library, must not hide that
        return SpecFile(Path(text), load(Path(text))), None
    raise _not_found(text, family)


def _as_file(text: str) -> list[tuple[Path, str | None]]:
    head, colon, variant = text.rpartition(":")
    return [(Path(text), None), *([(Path(head), variant)] if colon and head else [])]


def at_revision(revision: str, path: Path) -> SpecFile:
    """A file as it was at a git revision. Raises RequestError where there was none."""
    from archc.language.revision import beside

    files, found = beside(revision, path)
    return SpecFile(found, load_from(files, found))


def _as_revision(text: str) -> tuple[SpecFile, str | None] | None:
    if ":" not in text:
        return None
    from archc.language import revision  # few ask for one

    if (found := revision.reference(text)) is None:
        return None
    name, where, variant = found
    files, path = revision.at(name, where)
    return SpecFile(path, load_from(files, path)), variant


def _not_found(text: str, family: str) -> RequestError:
    if "/" in text or text.endswith(library.SUFFIXES):
        return RequestError(f"there is no file {text.partition(':')[0] if not Path(text).suffix else text}")
    known = [name for path in library.models() for name in (path.stem, *SpecFile(path, load(path)).variants)]
    hint = did_you_mean(family, known)
    return RequestError(f"there is no file and no network `{text}`", hint or "`archc list` shows the library")


class _Compilation:
    """One network on its way."""

    def __init__(self, file: Loaded, spec: Spec, variant: str, collector: Collector) -> None:
        self.file, self.spec, self.variant, self.collector = file, spec, variant, collector
        self.expander = Expander(collector)
        self.evaluator: Evaluator = self.expander.evaluator
        self.changed = False  # by the caller, so that figures of the spec's own network need not hold

    def run(self, given: dict[str, Any], input: Shapes | None) -> Compiled:
        self.changed = bool(given)
        params = self.params(given)
        shapes = self.shapes(input)
        chosen = {name: params[name] for name in given}
        try:
            graph = self.build(params, shapes)
        except Exhausted:
            graph = None
        self.collector.check()
        assert graph is not None
        warn_unused(graph, self.expander)
        verify(graph)
        graph.record = record(self.file, self.variant, chosen, {} if input is None else shapes)
        return Compiled(graph, tuple(self.collector.sorted))

    def params(self, given: dict[str, Any]) -> dict[str, Any]:
        """Defaults, then the variant's values, then the caller's."""
        spec = self.spec
        values = {name: value for name, (value, _) in spec.params.items()}
        for variant in spec.variants.values():
            if self.collector.full:
                break
            for name, (value, span) in variant.params.items():
                if name not in spec.params:
                    self.collector.add(errors.unknown_param(span.part(0, len(name)), name, list(spec.params)))
                elif problem := check_param(name, value, spec.params[name][0], span):
                    self.collector.add(problem)
                elif variant.name == self.variant:
                    values[name] = value
        for name, value in given.items():
            if name not in spec.params:
                hint = did_you_mean(name, spec.params)
                known = f"the parameters are {listed(list(spec.params))}" if spec.params else "it has none"
                raise RequestError(f"{self.file.source.name} has no parameter `{name}`", hint or known)
            value = as_value(name, value)
            if problem := check_param(name, value, spec.params[name][0], spec.span):
                raise RequestError(f"{problem.message}; {problem.primary.text}")
            values[name] = value
        return values

    def shapes(self, given: Shapes | None) -> dict[str, tuple[int, ...]]:
        shapes = dict(self.spec.shapes)
        for variant in self.spec.variants.values():
            if variant.input is None:
                continue
            new, _ = read_shapes(variant.input, self.collector)
            if self.spec.shapes and set(new) - set(self.spec.shapes) and variant.input_span is not None:
                self.collector.add(errors.wrong_variant_input(variant.input_span, list(self.spec.shapes)))
            elif variant.name == self.variant:
                shapes.update(new)
        if given is not None:
            shapes.update(self.given_shapes(given, shapes))
        return shapes

    def given_shapes(self, given: Shapes, shapes: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        if not isinstance(given, Mapping):
            if len(shapes) > 1:
                raise RequestError(f"the network has the inputs {listed(list(shapes))}", "say which: name=3x96x96")
            given = {next(iter(shapes), "x"): given}
        found: dict[str, tuple[int, ...]] = {}
        for name, shape in given.items():
            if name not in shapes:
                hint = did_you_mean(str(name), shapes) or f"it has {listed(list(shapes))}"
                raise RequestError(f"the network has no input `{name}`", hint)
            found[name] = as_shape(name, shape)
        return found

    def build(self, params: dict[str, Any], shapes: dict[str, tuple[int, ...]]) -> Graph:
        spec, expander = self.spec, self.expander
        env = Linker(self.collector, self.evaluator).link(self.file, spec, params)
        inputs = {name: Tensor(Shape(dims), name=name) for name, dims in shapes.items()}
        root = Module("", "", "root", None, None, inputs=tuple(inputs.values()))
        known: dict[str, Value] = dict(inputs) or {"x": UNKNOWN}  # without any, that was reported
        start = None if spec.named_inputs and inputs else next(iter(known.values()))
        scope = Scope(root, Children(), None, known, start)
        scope.children.lost += [re.escape(name.partition(".")[0]) for name in spec.lost]
        sections: dict[str, list[str]] = {}
        for section in SECTIONS:
            if section in spec.sections:
                before = set(root.children)
                expander.entries(spec.sections[section].entries, scope, env)
                sections[section] = [c for c in root.children if c not in before]
        root.result = scope.prev if isinstance(scope.prev, Tensor | list) else None
        outputs = Outputs(expander, scope, env)
        named = outputs.read(spec.outputs) if spec.outputs else only_output(scope, expander, spec.span)
        train = outputs.read(spec.train_outputs) if spec.train_outputs else named
        graph = Graph(
            name=spec.name, variant=self.variant, title=spec.description or self.variant, source=spec.reference,
            inputs=inputs, nodes=expander.layers.nodes, root=root, sections=sections,
            outputs=named, train_outputs=train, params=params, values=env.values(),
            weight_rules=spec.weight_rules, spec_name=f"{self.file.source.name}:{self.variant}",
            spec_text=self.file.source.text, spec_hash=self.file.digest,
        )  # fmt: skip
        graph.init = read_init(spec.init, graph, expander, env)
        self.declare(graph, shapes, outputs.lost)
        return graph

    def declare(self, graph: Graph, shapes: dict[str, tuple[int, ...]], lost: set[str]) -> None:
        """What describes the network and adds nothing to it."""
        spec = self.spec
        if spec.labels is not None:
            graph.labels = read_labels(spec.labels, graph, self.file, self.expander, lost, self.changed)
        if shapes and (preprocess := preprocess_of(spec, self.variant)) is not None:
            graph.preprocess = read_preprocess(preprocess, self.expander, shapes)


def unmatched_patterns(graphs: Sequence[Graph]) -> list[Diagnostic]:
    """Patterns of `init` that match no weight of any of a spec's variants."""
    spans: dict[str, Span] = {}
    used: set[str] = set()
    for graph in graphs:
        keys = [e.key for e in graph.state]
        for rule in graph.init:
            if rule.pattern is not None and rule.span is not None:
                spans.setdefault(rule.pattern, rule.span)
                if any(matches(rule.pattern, key) for key in keys):
                    used.add(rule.pattern)
    return [errors.pattern_matches_nothing(span, p) for p, span in spans.items() if p not in used]


__all__ = ["CompileError", "Compiled", "RequestError", "SpecFile", "open_spec", "unmatched_patterns"]
