"""What follows the building: outputs, initialisers, preprocessing, labels, and weights that nothing needs."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from archc.diagnostics import errors
from archc.diagnostics.span import Span
from archc.graph.graph import Graph, InitRule, Module, Node, Tensor
from archc.language import limits
from archc.language.bodies import (
    BadReference,
    BrokenBody,
    Child,
    EntriesBody,
    Entry,
    For,
    If,
    Let,
    ReferenceBody,
    read_references,
    spliced,
)
from archc.language.evaluate import Poisoned
from archc.language.expand import Expander
from archc.language.expression import Expression
from archc.language.scope import UNKNOWN, Built, Env, Scope
from archc.language.spec import InitEntry, Spec
from archc.language.syntax import Mapping, Scalar, Sequence
from archc.language.syntax import Node as Tree
from archc.language.values import Function, describe
from archc.ops import OPS
from archc.ops.base import Init

DEFAULT_OUTPUT = "output"


class Outputs:
    """Reads `outputs` and `train_outputs` in the scope of the root."""

    def __init__(self, expander: Expander, scope: Scope, env: Env) -> None:
        self.expander, self.scope, self.env = expander, scope, env
        self.evaluator = expander.evaluator
        self.found: dict[str, Tensor] = {}
        self.spans: dict[str, Span] = {}
        self.lost: set[str] = set()  # whose tensors could not be found, which was reported

    def read(self, body: EntriesBody) -> dict[str, Tensor]:
        self.found, self.spans = {}, {}
        self.entries(body.entries, self.env)
        return self.found

    def entries(self, entries: Any, env: Env) -> None:
        frame = env
        for entry in entries:
            if isinstance(entry, Let):
                frame = Env(frame)
                self.expander.let(entry, self.scope, frame)
                continue
            try:
                self.entry(entry, frame)
            except Poisoned:
                continue

    def entry(self, entry: Entry, env: Env) -> None:
        if isinstance(entry, If):
            body = self.expander.chosen(entry, self.scope, env)
            if body is not None:
                self.entries(spliced(body), Env(env))
        elif isinstance(entry, For):
            items = self.evaluator.items(self.evaluator.value(entry.items, env, self.scope), entry.items.span)
            for item in items:
                self.evaluator.step(4, entry.span)
                inner = Env(env)
                self.evaluator.unpack(entry.target.tree, item, inner, entry.target.span)
                self.entries(spliced(entry.body), inner)
        elif isinstance(entry, Child):
            self.output(entry, env)

    def output(self, child: Child, env: Env) -> None:
        if isinstance(child.body, BrokenBody):
            raise Poisoned
        if child.key is None or not isinstance(child.body, ReferenceBody):
            self.evaluator.fail(errors.unknown_output(child.span))
        key = self.expander.read(child.key, self.scope, env)
        if key.name in self.found:
            self.evaluator.fail(errors.doubled_child(child.span, key.name, self.spans[key.name]))
        if key.references is not None or not key.name:
            self.evaluator.fail(errors.unknown_output(child.span))
        if key.name in self.scope.inputs:  # an ONNX graph can't have both
            self.evaluator.fail(errors.child_named_as_input(child.span, key.name))
        self.spans[key.name] = child.span
        self.lost.add(key.name)
        self.found[key.name] = self.tensor(child.body.scalar, env)
        self.lost.remove(key.name)

    def tensor(self, scalar: Scalar, env: Env) -> Tensor:
        references = read_references(scalar.text)
        if len(references) != 1 or isinstance(references[0], BadReference):
            self.evaluator.fail(errors.unknown_output(scalar.span))
        from archc.language.bodies import Key

        values = self.expander.wiring.reference(references[0], scalar.span, self.scope, env, Key(scalar, [scalar.text]))
        if len(values) != 1:
            self.evaluator.fail(errors.unknown_output(scalar.span))
        value = values[0]
        if isinstance(value, list):
            self.evaluator.fail(errors.output_is_list(scalar.span, scalar.text, len(value)))
        if not isinstance(value, Tensor):
            raise Poisoned
        return value


def only_output(scope: Scope, expander: Expander, span: Span) -> dict[str, Tensor]:
    """The network's output where `outputs` says nothing: what the last section gives (rule 25)."""
    result = scope.prev
    if result is None:
        expander.evaluator.report(errors.nothing_built_at_all(span))
    if isinstance(result, list):
        last = next((c.span for c in reversed(scope.children.values()) if c.value is result), span)
        expander.evaluator.report(errors.ambiguous_output(last, len(result)))
        return {}
    return {DEFAULT_OUTPUT: result} if isinstance(result, Tensor) else {}


def read_init(entries: list[InitEntry], expander: Expander, env: Env) -> tuple[InitRule, ...]:
    """`init` as rules, in order; a later one wins."""
    inner = Env(env, dict(INITIALISERS))
    rules: list[InitRule] = []
    for entry in entries:
        pattern = entry.key.text if "." in entry.key.text else None
        ops = tuple(n.strip() for n in entry.key.text.split(",")) if pattern is None else ()
        for weight, expression in entry.values:
            name = weight.text if weight is not None else "" if pattern is not None else "weight"
            _check_target(ops, name, entry.key, weight, expander)
            try:
                value = expander.evaluator.value(expression, inner, None)
                value = _called(value, expression, expander)
                if not isinstance(value, Init):
                    expander.evaluator.fail(errors.wrong_init(expression.span, describe(value), list(INITIALISERS)))
            except Poisoned:
                continue
            rules.append(InitRule(ops, pattern, name, value, entry.key.span))
    return tuple(rules)


def _called(value: Any, expression: Expression, expander: Expander) -> Any:
    """`zeros` is `zeros()`."""
    if not isinstance(value, Function) or value.name not in INITIALISERS:
        return value
    try:
        return value.call()
    except TypeError:
        expander.evaluator.fail(errors.wrong_function_call(expression.span, value.name, value.signature))


def _check_target(ops: tuple[str, ...], name: str, key: Scalar, weight: Scalar | None, expander: Expander) -> None:
    for op in ops:
        if op not in OPS:
            expander.collector.add(errors.unknown_init_op(key.span, op, list(OPS)))
        elif name not in (known := weights_of(op)):
            span = weight.span if weight is not None else key.span
            expander.collector.add(errors.unknown_init_weight(span, op, name, sorted(known)))


@cache
def weights_of(op: str) -> frozenset[str]:
    """The names of weights that an op may have, over all its examples."""
    cls = OPS[op]
    return frozenset(n for e in cls.examples for n in cls.of(*e.args, **e.kwargs).weights(*e.on))


def _initialisers() -> dict[str, Function]:
    """Those of ``torch.nn.init``, with its names and defaults."""

    def make(name: str, **defaults: Any) -> Function:
        signature = f"{name}({', '.join(f'{k}={v!r}' if v is not None else k for k, v in defaults.items())})"

        def call(*args: Any, **kwargs: Any) -> Init:
            if len(args) > len(defaults):
                raise TypeError
            given = dict(zip(defaults, args, strict=False))
            if set(kwargs) - set(defaults) or set(kwargs) & set(given):
                raise TypeError
            values = {**defaults, **given, **kwargs}
            for key, value in values.items():
                if isinstance(defaults[key], str) != isinstance(value, str) or isinstance(value, bool | list | None):
                    raise TypeError
                if isinstance(value, str) and value not in CHOICES[key]:
                    raise TypeError
            return Init.of(name, **values)

        return Function(name, signature, call)

    fan = {"a": 0, "mode": "fan_in", "nonlinearity": "leaky_relu"}
    return {
        f.name: f
        for f in (
            make("zeros"), make("ones"), make("constant", val=None), make("uniform", a=0, b=1),
            make("normal", mean=0, std=1), make("trunc_normal", mean=0, std=1, a=-2, b=2),
            make("xavier_uniform", gain=1), make("xavier_normal", gain=1),
            make("kaiming_uniform", **fan), make("kaiming_normal", **fan), make("orthogonal", gain=1),
        )
    }  # fmt: skip


CHOICES = {
    "mode": ("fan_in", "fan_out"),
    "nonlinearity": (
        "leaky_relu", "relu", "linear", "sigmoid", "tanh", "selu", "conv1d", "conv2d", "conv3d",
        "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    ),
}  # fmt: skip
INITIALISERS = _initialisers()


def read_labels(
    node: Tree, graph: Graph, folder: Path, expander: Expander, lost: set[str], changed: bool
) -> dict[str, list[str]]:
    """Output → class names, as many as it has channels.

    ``lost`` are outputs that could not be read, which was reported. A network that the caller ``changed`` so that the
    names no longer fit gets none.
    """
    single = isinstance(node, Sequence | Scalar)
    entries = [(next(iter(graph.outputs), ""), node, node.span)] if single else []
    if isinstance(node, Mapping):
        entries = [(k.text, n, k.span) for k, n in node.entries]
    found: dict[str, list[str]] = {}
    for output, names_node, span in entries:
        if output not in graph.outputs:
            if graph.outputs and output not in lost:
                known = list(graph.outputs)
                expander.collector.add(errors.bad_field(span, "`labels`", "", output, known))
            continue
        names = _names(names_node, folder, expander)
        if names is None:
            continue
        shape = graph.outputs[output].shape
        if len(names) == shape.channels:
            found[output] = names
        elif not changed:
            expander.collector.add(errors.labels_count(names_node.span, len(names), shape.channels, output))
    return found


def _listed_names(node: Sequence, expander: Expander) -> list[str] | None:
    names = [i.text for i in node.items if isinstance(i, Scalar) and i.text]
    wrong = next((i for i in node.items if not isinstance(i, Scalar) or not i.text), None)
    if wrong is None:
        return names
    if not node.broken:
        expander.collector.add(errors.bad_field(wrong.span, "`labels`", "each is a text"))
    return None


def _names(node: Tree, folder: Path, expander: Expander) -> list[str] | None:
    if isinstance(node, Sequence):
        return _listed_names(node, expander)
    if not isinstance(node, Scalar) or node.empty:
        expander.collector.add(errors.bad_field(node.span, "`labels`", "a list of names, or a file of them"))
        return None
    path = folder / node.text
    try:
        if not path.is_file() or path.stat().st_size > limits.FILE_BYTES:
            raise OSError(None, "there is no such file" if not path.exists() else "it is no file, or too large")
        if not path.resolve().is_relative_to(folder.resolve()):  # what it holds gets into what is built
            raise OSError(None, "it does not lie beside this file")
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8"
        expander.collector.add(errors.labels_unreadable(node.span, node.text, why))
        return None


def read_preprocess(spec: Spec, expander: Expander, shapes: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    """`preprocess`, checked against the inputs' channels: the mapping, or input → mapping where inputs have names."""
    from archc.language import declarations  # pydantic costs time that specs without this need not spend

    node = spec.preprocess
    assert node is not None
    if not isinstance(node, Mapping):
        expander.collector.add(errors.not_a_mapping(node.span, "`preprocess`", "mean: 0.5"))
        return {}
    if node.broken:
        return {}
    by_input = len(shapes) > 1 or (bool(node.entries) and all(isinstance(v, Mapping) for _, v in node.entries))
    found: dict[str, Any] = {}
    for name, part, span in [(k.text, v, k.span) for k, v in node.entries] if by_input else [("", node, node.span)]:
        if name and name not in shapes:
            expander.collector.add(errors.bad_field(span, "`preprocess`", "", name, list(shapes)))
            continue
        read = declarations.read(declarations.Preprocess, part, "`preprocess`", expander.collector)
        if read is None:
            continue
        for shape in [shapes[name]] if name else shapes.values():
            for field, message in read.mismatches(shape[0]):
                expander.collector.add(errors.preprocess_mismatch(declarations.place(part, (field,)), message))
        values = read.model_dump(exclude_none=True)
        found[name] = values
    return found if by_input else found.get("", {})


def warn_unused(graph: Graph, expander: Expander) -> None:
    """A child with weights that serves neither mode."""
    live = {id(n) for n in (*graph.live("eval"), *graph.live("train"))}
    unused = [n for n in graph.nodes if n.weights and id(n) not in live]
    seen: set[int] = set()
    for node in unused:
        top: Module | Node = node
        while top.parent is not None and top.parent.parent is not None and _all_unused(top.parent, live):
            top = top.parent
        if id(top) not in seen:
            seen.add(id(top))
            origin = top.origin
            assert origin is not None
            expander.collector.add(errors.within(errors.unused_weights(origin.span, top.path), origin.parent))


def _all_unused(module: Module, live: set[int]) -> bool:
    return all(id(n) not in live for n in module.nodes())


def value_of(built: Any) -> Any:
    """What a lookup gave, without its children."""
    value = built.value if isinstance(built, Built) else built
    return None if value is UNKNOWN else value
