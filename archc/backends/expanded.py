"""A graph as a spec in which every value is resolved: no blocks, loops, conditions or parameters are left.

The text is a spec itself, and compiles to the same layers, paths and weights. Comments say where each layer was
written, and how.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePath

from archc.backends.spec_text import flow, initialiser_text, layer_text, plain, quoted
from archc.diagnostics.span import Span
from archc.display.text import clean
from archc.graph.graph import Graph, InitRule, Module, Node, Origin, Tensor
from archc.graph.initial import names
from archc.graph.weight_rules import WeightRule
from archc.language.outputs import DEFAULT_OUTPUT
from archc.language.values import value_text
from archc.version import __version__

_COMMENT_COLUMN = 64


def expanded(graph: Graph) -> str:
    """The spec of the graph's one variant, as YAML text."""
    lines = [*_header(graph), "", *_sections(graph), *_outputs(graph), *_extras(graph)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


# The layers


@dataclass(frozen=True, slots=True)
class _Line:
    depth: int
    text: str
    comment: str = ""

    def __str__(self) -> str:
        text = "  " * self.depth + self.text
        return f"{text:<{_COMMENT_COLUMN - 1}} # {self.comment}" if self.comment else text


class _ShadowedError(Exception):
    """A tensor has no name in a container, since a nearer child has it. ``inside`` is where it can be read still."""

    def __init__(self, inside: Module, tensor: Tensor) -> None:
        self.inside, self.tensor = inside, tensor


class _Writer:
    """Writes the tree of modules. ``aliases`` gives a second name to tensors at the start of a container."""

    def __init__(self, graph: Graph, aliases: Mapping[Module, Mapping[Tensor, str]]) -> None:
        self._graph, self._aliases = graph, aliases
        self._built: dict[Module, set[str]] = {}  # the children that are finished, by their first name
        self._prev = graph.inputs["x"] if list(graph.inputs) == ["x"] else None

    def section(self, names: set[str]) -> Iterator[_Line]:
        """What stands in one section: the root's children of these names."""
        for name, child in _children(self._graph.root):
            if name.partition(".")[0] in names:
                yield from self._child(name, child, self._graph.root, 1)

    def _child(self, name: str, child: Module | Node, within: Module, depth: int) -> Iterator[_Line]:
        """A child; in a list its ``name`` is a dash."""
        inputs = _read(child)
        wiring = "" if _reads_previous(inputs, self._prev) else " <- " + self._references(inputs, within)
        key = name if name == "-" else f"{name}{wiring}:"
        if isinstance(child, Node):
            layer = layer_text(child.op)
            yield _Line(depth, f"{key} {plain(layer)}", _provenance(child, layer))
        else:
            yield _Line(depth, key, _provenance(child, child.name))
            self._prev = inputs[0] if inputs else self._prev
            yield from self._body(child, depth + 1)
        self._prev = _given(child)
        self._built.setdefault(within, set()).add(name.partition(".")[0])

    def _body(self, module: Module, depth: int) -> Iterator[_Line]:
        children = _children(module)
        aliases = self._aliases.get(module, {})
        for tensor, name in aliases.items():
            yield _Line(depth, f"{name} <- {self._reference(tensor, module)}: tuple", "a nearer child has its name")
            self._prev = None
        self._built[module] = set(aliases.values())
        dashes = module.kind == "list" and _fits_list(children, self._prev)
        for name, child in children:
            yield from self._child("-" if dashes else name, child, module, depth)
            self._built[module].add(name.partition(".")[0])

    def _references(self, tensors: Sequence[Tensor], within: Module) -> str:
        return ", ".join(self._reference(t, within) for t in tensors)

    def _reference(self, tensor: Tensor, within: Module) -> str:
        """The tensor by its nearest name."""
        passed: list[Module] = []
        container: Module | None = within
        while container is not None:
            alias = self._aliases.get(container, {}).get(tensor)
            if alias in self._built.get(container, ()):
                return f"{alias}[0]"
            if (path := _relative(tensor, container)) is not None:
                first = path.partition(".")[0]
                hiding = [m for m in passed if first in self._built.get(m, ())]
                if hiding and tensor is not self._prev:
                    raise _ShadowedError(hiding[-1], tensor)
                return "prev" if hiding else path
            passed.append(container)
            container = container.parent
        return tensor.name  # an input of the network


def _sections(graph: Graph) -> list[str]:
    aliases: dict[Module, dict[Tensor, str]] = {}
    while True:
        writer = _Writer(graph, aliases)
        lines: list[str] = []
        try:
            for section, names in graph.sections.items():
                body = [str(line) for line in writer.section(set(names))]
                lines += [f"{section}:", *body] if body else []
        except _ShadowedError as hidden:
            known = aliases.setdefault(hidden.inside, {})
            known[hidden.tensor] = f"outer-{len(known)}"
        else:
            return lines


def _children(module: Module) -> list[tuple[str, Module | Node]]:
    """The children in the order in which they were built, those of namespaces by their dotted names.

    Left out is what built nothing: whatever reads it reads what came before it.
    """
    found: list[tuple[int, str, Module | Node]] = []

    def gather(container: Module, prefix: str) -> None:
        for name, child in container.children.items():
            if isinstance(child, Module) and child.kind == "namespace":
                gather(child, f"{prefix}{name}.")
            elif (first := _first(child)) is not None:
                found.append((first, prefix + name, child))

    gather(module, "")
    return [(name, child) for _, name, child in sorted(found, key=lambda f: f[0])]


def _read(child: Module | Node) -> list[Tensor]:
    """What a child reads: a node its inputs, a container the tensor that it starts from."""
    return [t for t in child.inputs[: None if isinstance(child, Node) else 1] if isinstance(t, Tensor)]


def _given(child: Module | Node) -> Tensor | None:
    """What the child after this one reads, if it says nothing else; None for a list."""
    if isinstance(child, Node):
        return None if child.many else child.output
    return _given(_children(child)[-1][1])


def _reads_previous(inputs: Sequence[Tensor], previous: Tensor | None) -> bool:
    return not inputs or (len(inputs) == 1 and inputs[0] is previous)


def _fits_list(children: Sequence[tuple[str, Module | Node]], previous: Tensor | None) -> bool:
    """Whether these are the items of a list: numbered from 0, each on the one before; a mapping would be spliced in."""
    for i, (name, child) in enumerate(children):
        if name != str(i) or not _reads_previous(_read(child), previous):
            return False
        if isinstance(child, Module) and not (child.kind == "list" and _fits_list(_children(child), previous)):
            return False
        previous = _given(child)
    return True


def _first(child: Module | Node) -> int | None:
    """The place of the first node of the child among all nodes."""
    return child.index if isinstance(child, Node) else min((n.index for n in child.nodes()), default=None)


def _relative(tensor: Tensor, container: Module) -> str | None:
    """The shortest path of the tensor from within a container; None if it is not made there."""
    node = tensor.producer
    start = container.path + "." if container.path else ""
    if node is None or not node.path.startswith(start):
        return None
    if node.many:
        return f"{node.path[len(start) :]}[{tensor.index}]"
    parts: list[str] = []
    child: Module | Node = container
    for part in node.path[len(start) :].split("."):
        assert isinstance(child, Module), "a path goes down through containers"
        child = child.children[part]
        parts.append(part)
        if isinstance(child, Module) and child.kind != "namespace" and _given(child) is tensor:
            break
    return ".".join(parts)


def _provenance(child: Module | Node, shown: str) -> str:
    """How the layer was written where that is not as it is ``shown``, and where; then the calls that led there."""
    known = set(_chain(child.parent.origin)) if child.parent else set[Span]()
    places: list[str] = []
    for span in dict.fromkeys(_chain(child.origin)):
        if span in known:
            break
        place = f"{PurePath(span.source.name).name}:{span.line}"
        as_shown = span.text == shown or "\n" in span.text
        places.append(place if as_shown else f"{clean(span.text, 60)} · {place}")
    return " ← ".join(places)


def _chain(origin: Origin | None) -> Iterator[Span]:
    """Where a layer is written, where the block is called that it stands in, and so on outwards."""
    while origin is not None:
        yield origin.span
        origin = origin.parent


# What stands around the layers


def _header(graph: Graph) -> list[str]:
    lines = [f"# {graph.spec_name or graph.variant}, every value resolved by archc {__version__}."]
    if graph.params:
        lines.append("# From " + ", ".join(f"{k} = {clean(value_text(v), 80)}" for k, v in graph.params.items()) + ".")
    lines.append(f"name: {graph.name if graph.name[0].isalpha() else quoted(graph.name)}")
    lines += [f"description: {quoted(graph.title)}"] if graph.title not in (graph.name, graph.variant) else []
    lines += [f"source: {quoted(graph.source)}"] if graph.source else []
    shapes = {name: list(tensor.shape.dims) for name, tensor in graph.inputs.items()}
    lines.append(f"input: {flow(shapes['x'] if list(shapes) == ['x'] else shapes)}")
    return [*lines, f"variants: {{{graph.variant}: }}"] if graph.variant != graph.name else lines


def _outputs(graph: Graph) -> Iterator[str]:
    """What comes out, where it is not just the last tensor."""
    train = list(graph.train_outputs.items()) != list(graph.outputs.items())
    if not train and graph.outputs == {DEFAULT_OUTPUT: _given(graph.root)}:
        return
    for key, outputs in {"outputs": graph.outputs, **({"train_outputs": graph.train_outputs} if train else {})}.items():
        yield f"{key}:"
        for name, tensor in outputs.items():
            yield f"  {name}: {_relative(tensor, graph.root) or tensor.name}"


def _extras(graph: Graph) -> Iterator[str]:
    if entries := list(_init(graph)):
        yield from ("init:", *entries)
    if rules := [_rule(rule) for rule in graph.weight_rules if rule.rename or rule.drop]:
        yield from ("weights:", *rules)
    if graph.preprocess:
        yield f"preprocess: {flow(graph.preprocess)}"
    if graph.labels:
        yield f"labels: {flow(graph.labels)}"


def _rule(rule: WeightRule) -> str:
    """A rule for files of weights, without `params`, of which none are left."""
    parts = {"file": rule.file, "has": rule.has, "lacks": rule.lacks, "drop": rule.drop}
    written = [f"{key}: {flow(value)}" for key, value in parts.items() if value]
    for key, pairs in (("shape", rule.shape), ("rename", rule.rename)):
        if pairs:
            written.append(f"{key}: {flow({quoted(name): value for name, value in pairs.items()})}")
    return f"  - {{{', '.join(written)}}}"


def _init(graph: Graph) -> Iterator[str]:
    """The rules that concern this variant; one that is over a pattern and matches nothing would be an error."""
    used = [rule for rule in graph.init if any(names(rule, entry) for entry in graph.state)]
    for (ops, pattern), group in groupby(used, key=lambda r: (r.ops, r.pattern)):
        rules = list(group)
        if pattern is None:
            yield f"  {', '.join(ops)}: {{{', '.join(f'{r.weight}: {_quote_init(r)}' for r in rules)}}}"
        else:
            yield f"  {quoted(pattern)}: {plain(initialiser_text(rules[-1].init))}"


def _quote_init(rule: InitRule) -> str:
    """An initialiser within a flow mapping, where a comma or a bracket would end it."""
    text = initialiser_text(rule.init)
    return "'" + text.replace("'", "''") + "'" if set(text) & set(",[]{}:#") else text
