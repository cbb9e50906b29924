"""The located tree of a file to a ``Spec``: top-level keys, block headers, variants, inputs.

Everything is looked at, and all that is wrong reported, before anything is built.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeGuard

from archc.diagnostics import errors
from archc.diagnostics.collector import Collector
from archc.diagnostics.span import Source, Span
from archc.language import limits
from archc.language.bodies import BodyReader, EntriesBody, read_let, spliced
from archc.language.expression import parse_expression
from archc.language.headers import read_header
from archc.language.scope import POISON
from archc.language.spec import SECTIONS, InitEntry, Spec, Use, Variant
from archc.language.syntax import Mapping, Node, Scalar, Sequence, parse
from archc.language.values import Block, kind_of

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_OF_NETWORKS = ("variants", "outputs", "train_outputs", "expect", "init", "weights", "preprocess", "labels")


def read_spec(source: Source, collector: Collector) -> Spec | None:
    """The spec in a text; None where not even its keys can be read."""
    tree = parse(source, collector)
    if tree is None:
        return None
    if not isinstance(tree, Mapping):
        collector.add(errors.not_a_mapping(tree.span, "a spec", "key: value"))
        return None
    return None if tree.broken else _Reader(source, tree, collector).spec


class _Reader:
    """Reads the top-level keys, one method each."""

    def __init__(self, source: Source, tree: Mapping, collector: Collector) -> None:
        self.collector = collector
        self.bodies = BodyReader(collector)
        name = source.name.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".yaml").removesuffix(".yml")
        self.spec = Spec(source, tree.span, name)
        self.rules: Node | None = None  # `weights`
        inputs: Node | None = None
        for key, value in tree.entries:
            if key.text == "input":
                inputs = value
            elif key.text in SECTIONS:
                self.section(key, value)
            elif key.text in _KEYS:
                _KEYS[key.text](self, key, value)
            else:
                collector.add(errors.unknown_key(key.span, key.text, [*_KEYS, *SECTIONS, "input"]))
                self.lose(value)
        if inputs is not None:
            self.spec.shapes, self.spec.named_inputs = read_shapes(inputs, collector)
            if isinstance(inputs, Mapping):
                self.spec.lost.update(name.text for name, _ in inputs.entries if name.text not in self.spec.shapes)
        self.check_whole(tree, inputs)

    def check_whole(self, tree: Mapping, inputs: Node | None) -> None:
        spec = self.spec
        written = {k.text for k, _ in tree.entries}
        misspelled = not written <= {*_KEYS, *SECTIONS, "input"}  # what is missing may be what was meant
        if written.isdisjoint(SECTIONS) and inputs is None and "blocks" in written:
            for key, _ in tree.entries:
                if key.text in _OF_NETWORKS:
                    self.collector.add(errors.key_without_network(key.span, key.text))
        elif misspelled:
            pass
        elif inputs is None:
            self.collector.add(errors.no_input(spec.span))
        elif written.isdisjoint(SECTIONS):
            self.collector.add(errors.no_section(spec.span))
        if self.rules is not None:
            from archc.language.weight_rules import check_rules

            check_rules(self.rules, spec.weight_rules, spec.params, self.collector)
        for name, (key, _) in spec.expect.items():
            if name not in spec.variant_names:
                self.collector.add(errors.unknown_variant(key.span, name, spec.variant_names))

    def lose(self, value: Node) -> None:
        """What an unknown key holds is not missing where it is used."""
        if isinstance(value, Mapping):
            self.spec.lost.update(_header_name(name) for name, _ in value.entries)

    def mapping(self, key: Scalar, value: Node, example: str) -> list[tuple[Scalar, Node]]:
        if isinstance(value, Mapping):
            return [] if value.broken else value.entries
        if not (isinstance(value, Scalar) and value.empty):
            self.collector.add(errors.not_a_mapping(value.span, f"`{key.text}`", example))
        return []

    def text(self, key: Scalar, value: Node) -> str:
        if not isinstance(value, Scalar) or value.text == "":
            self.collector.add(errors.not_a_text(value.span, key.text))
            return ""
        return value.text

    def name(self, key: Scalar, value: Node) -> None:
        text = self.text(key, value)
        if text and not _NAME.fullmatch(text):
            self.collector.add(errors.bad_name(value.span, text, "a network"))
        self.spec.name = text or self.spec.name

    def description(self, key: Scalar, value: Node) -> None:
        self.spec.description = self.text(key, value)

    def reference(self, key: Scalar, value: Node) -> None:
        self.spec.reference = self.text(key, value)

    def params(self, key: Scalar, value: Node) -> None:
        if isinstance(value, Mapping) and value.broken:
            self.lose(value)
        for name, node in self.mapping(key, value, "depth: 4"):
            if not name.text.isidentifier():
                self.collector.add(errors.bad_name(name.span, name.text, "a parameter"))
            else:
                self.spec.params[name.text] = (plain(node, self.collector), node.span)

    def let(self, key: Scalar, value: Node) -> None:
        self.mapping(key, value, "width: 2 * base")
        if isinstance(value, Mapping):
            self.spec.let = read_let(value, self.collector)

    def variants(self, key: Scalar, value: Node) -> None:
        for name, node in self.mapping(key, value, "small: {width: 16}"):
            variant = Variant(name.text, name.span, {})
            if len(self.spec.variants) >= limits.VARIANTS:
                self.collector.add(errors.too_many_variants(name.span, limits.VARIANTS))
                break
            if not _NAME.fullmatch(name.text):
                self.collector.add(errors.bad_name(name.span, name.text, "a variant"))
            for param, new in self.mapping(name, node, "width: 16"):
                if param.text == "input":
                    variant.input, variant.input_span = new, new.span
                elif param.text == "preprocess":
                    variant.preprocess = new
                else:
                    variant.params[param.text] = (plain(new, self.collector), param.span.to(new.span))
            self.spec.variants[name.text] = variant

    def use(self, key: Scalar, value: Node) -> None:
        for path, names in self.mapping(key, value, "blocks/residual: [basic, bottleneck]"):
            wanted = names.items if isinstance(names, Sequence) else [names]
            scalars = [n for n in wanted if isinstance(n, Scalar) and not n.empty]
            if len(scalars) != len(wanted) or not scalars:
                self.collector.add(errors.not_names_of_blocks(names.span))
            self.spec.uses.append(Use(path, scalars))

    def blocks(self, key: Scalar, value: Node) -> None:
        if isinstance(value, Mapping) and value.broken:
            self.lose(value)
        for header, node in self.mapping(key, value, "unit(width): conv(width, 3)"):
            found = read_header(header, self.collector)
            body = self.bodies.body(node, f"the block `{header.text}`")
            if found is None:
                self.spec.broken_blocks.add(_header_name(header))
                continue
            name, parameters, inputs = found
            if name in self.spec.blocks:
                self.collector.add(errors.duplicate_block(header.span, name, self.spec.blocks[name].span))
                continue
            self.spec.blocks[name] = Block(name, parameters, inputs, body, header.span)

    def section(self, key: Scalar, value: Node) -> None:
        body = self.bodies.body(value, f"`{key.text}`")
        if not isinstance(body, EntriesBody):
            body = EntriesBody(list(spliced(body)), body.span, True, None)
        self.spec.sections[key.text] = body

    def outputs(self, key: Scalar, value: Node) -> None:
        self.spec.outputs = self.output_entries(key, value)

    def train_outputs(self, key: Scalar, value: Node) -> None:
        self.spec.train_outputs = self.output_entries(key, value)

    def output_entries(self, key: Scalar, value: Node) -> EntriesBody:
        if not isinstance(value, Mapping) or (not value.entries and not value.broken):
            self.collector.add(errors.not_a_mapping(value.span, f"`{key.text}`", "logits: fc"))
            return EntriesBody([], value.span, False, None)
        body = BodyReader(self.collector, references=True).body(value, f"`{key.text}`")
        return body if isinstance(body, EntriesBody) else EntriesBody([], value.span, False, None)

    def init(self, key: Scalar, value: Node) -> None:
        for name, node in self.mapping(key, value, "conv: kaiming_normal"):
            if isinstance(node, Mapping) and "." not in name.text:
                pairs = [(w, n) for w, n in node.entries] if not node.broken else []
            else:
                pairs = [(None, node)]
            values = [(w, e) for w, n in pairs if (e := self.initialiser(n)) is not None]
            self.spec.init.append(InitEntry(name, values))  # pyright: ignore[reportArgumentType]

    def initialiser(self, node: Node) -> Any:
        if not isinstance(node, Scalar) or node.empty:
            self.collector.add(errors.not_an_initialiser(node.span))
            return None
        return parse_expression(node, self.collector)

    def weights(self, key: Scalar, value: Node) -> None:
        from archc.language.weight_rules import read_rules  # as the validator is

        self.rules, self.spec.weight_rules = value, read_rules(value, self.collector)

    def preprocess(self, key: Scalar, value: Node) -> None:
        self.spec.preprocess = value

    def labels(self, key: Scalar, value: Node) -> None:
        self.spec.labels = value

    def expect(self, key: Scalar, value: Node) -> None:
        from archc.language import declarations  # only where it is needed: importing the validator takes time

        for name, figures in self.mapping(key, value, "resnet50: {params: 25557032}"):
            if isinstance(figures, Mapping):
                self.spec.expect[name.text] = (name, figures)
                # Its form is the file's alone; whether it holds is for ``archc.language.expect`` to say.
                declarations.read(declarations.Figures, figures, f"`expect` of `{name.text}`", self.collector)
                self.constraints(figures.get("constraints"))
            else:
                self.collector.add(errors.not_a_mapping(figures.span, f"`{name.text}`", "params: 25557032"))

    def constraints(self, listed: Node | None) -> None:
        for item in listed.items if isinstance(listed, Sequence) else []:
            if isinstance(item, Scalar):
                parse_expression(item, self.collector)


_KEYS: dict[str, Callable[[_Reader, Scalar, Node], None]] = {
    "name": _Reader.name,
    "description": _Reader.description,
    "source": _Reader.reference,
    "params": _Reader.params,
    "let": _Reader.let,
    "variants": _Reader.variants,
    "use": _Reader.use,
    "blocks": _Reader.blocks,
    "outputs": _Reader.outputs,
    "train_outputs": _Reader.train_outputs,
    "init": _Reader.init,
    "weights": _Reader.weights,
    "preprocess": _Reader.preprocess,
    "labels": _Reader.labels,
    "expect": _Reader.expect,
}


def plain(node: Node, collector: Collector) -> Any:
    """A value in which nothing is computed: numbers, booleans, text, None, lists."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return [plain(item, collector) for item in node.items]
    if not node.broken:
        collector.add(errors.mapping_as_value(node.span))
    return POISON


def _header_name(header: Scalar) -> str:
    return re.split(r"[\s(<]", header.text.strip(), maxsplit=1)[0]


def read_shapes(node: Node, collector: Collector) -> tuple[dict[str, tuple[int, ...]], bool]:
    """`input`: one shape, or a mapping of names to shapes; and whether they have names other than the one `x`."""
    if isinstance(node, Mapping):
        shapes: dict[str, tuple[int, ...]] = {}
        if not node.entries and not node.broken:
            collector.add(errors.bad_shape(node.span))
        for name, value in node.entries:
            if not name.text.isidentifier() or name.text == "prev":
                collector.add(errors.bad_name(name.span, name.text, "an input"))
                continue
            shape = _shape(value, collector)
            if shape is not None:
                shapes[name.text] = shape
        return shapes, [name.text for name, _ in node.entries] != ["x"]
    shape = _shape(node, collector)
    return ({} if shape is None else {"x": shape}), False


def _shape(node: Node, collector: Collector) -> tuple[int, ...] | None:
    sizes = [i.value if isinstance(i, Scalar) else None for i in node.items] if isinstance(node, Sequence) else []
    if not is_shape(sizes):
        collector.add(errors.bad_shape(node.span))
        return None
    return tuple(sizes)


def is_shape(sizes: list[Any]) -> TypeGuard[list[int]]:
    """Whether these are the sizes of an input: one or more positive integers, within bounds."""
    good = all(isinstance(s, int) and not isinstance(s, bool) and 0 < s < limits.SIZE for s in sizes)
    return good and 0 < len(sizes) <= limits.AXES


def check_param(name: str, value: Any, default: Any, span: Span) -> Any:
    """The diagnostic for a new value of another kind than the default; None where it fits."""
    if default in (None, POISON) or value in (None, POISON) or kind_of(value) == kind_of(default):
        return None
    return errors.wrong_param(span, name, kind_of(default), value)
