"""What describes a built network and adds nothing to it: labels, preprocessing; and weights that nothing needs."""

from __future__ import annotations

from typing import Any

from archc.diagnostics import errors
from archc.graph.graph import Graph, Module, Node
from archc.language.expand import Expander
from archc.language.files import Loaded
from archc.language.spec import Spec
from archc.language.syntax import Mapping, Scalar, Sequence
from archc.language.syntax import Node as Tree


def read_labels(
    node: Tree, graph: Graph, file: Loaded, expander: Expander, lost: set[str], changed: bool
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
        names = _names(names_node, file, expander)
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


def _names(node: Tree, file: Loaded, expander: Expander) -> list[str] | None:
    if isinstance(node, Sequence):
        return _listed_names(node, expander)
    if not isinstance(node, Scalar) or node.empty:
        expander.collector.add(errors.bad_field(node.span, "`labels`", "a list of names, or a file of them"))
        return None
    text, why = _text_beside(file, node.text)
    if why is not None:
        expander.collector.add(errors.labels_unreadable(node.span, node.text, why))
        return None
    return [line.strip() for line in text.splitlines() if line.strip()]


def _text_beside(file: Loaded, name: str) -> tuple[str, str | None]:
    """The text of a file beside this one, or why there is none."""
    filesystem, folder = file.filesystem, file.path.parent
    path = folder / name
    if not filesystem.exists(path):
        return "", "there is no such file"
    if not filesystem.key(path).is_relative_to(filesystem.key(folder)):  # what it holds gets into what is built
        return "", "it does not lie beside this file"
    text, why = filesystem.read(path)
    if why is None:
        file.beside[name] = text
    return text, why


def preprocess_of(spec: Spec, variant: str) -> Tree | None:
    """`preprocess` of a variant: the keys that it gives, and the others of the file's."""
    common, own = spec.preprocess, spec.variants[variant].preprocess if variant in spec.variants else None
    if common is None or own is None:
        return own if common is None else common
    if not isinstance(common, Mapping) or not isinstance(own, Mapping):
        return own if isinstance(common, Mapping) else common  # which is then reported
    given = {key.text for key, _ in own.entries}
    entries = [(key, value) for key, value in common.entries if key.text not in given]
    return Mapping([*entries, *own.entries], own.span, common.broken or own.broken)


def read_preprocess(node: Tree, expander: Expander, shapes: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    """`preprocess`, checked against the inputs' channels: the mapping, or input → mapping where inputs have names."""
    from archc.language import declarations  # only where it is needed: importing the validator takes time

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
        values = read.values()
        found[name] = values
    return found if by_input else found.get("", {})


def warn_unused(graph: Graph, expander: Expander) -> None:
    """A child with weights that serves neither mode; where all of a container's do not, the container."""
    live = {id(n) for n in (*graph.live("eval"), *graph.live("train"))}
    for top in _unused(graph.root, live)[1]:
        origin = top.origin
        assert origin is not None
        expander.collector.add(errors.within(errors.unused_weights(origin.span, top.path), origin.parent))


def _unused(module: Module, live: set[int]) -> tuple[bool, list[Module | Node]]:
    """Whether nothing in a module is live, and what in it has weights and is not: the largest wholes of that."""
    idle, tops = True, list[Module | Node]()
    for child in module.children.values():
        if isinstance(child, Module):
            whole, inner = _unused(child, live)
            tops += [child] if whole and inner else inner
        else:
            whole = id(child) not in live
            tops += [child] if whole and child.weights else []
        idle = idle and whole
    return idle, tops
