"""What holds of every graph, as a table of rules.

The compiler runs them between stages. A rule that is broken is a mistake of archc, not of the spec.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from archc.graph.graph import Graph, Module, Node, Tensor

Check = Callable[[Graph], Iterator[tuple[Node | Module | None, str]]]


class VerifyError(RuntimeError):
    """A graph breaks a rule. ``rule`` is its name, ``path`` that of the node or module (None: the graph's own)."""

    def __init__(self, rule: str, path: str | None, message: str) -> None:
        where = "the graph" if path is None else f"`{path or '<root>'}`"
        super().__init__(f"internal error: {where} breaks the rule {rule}: {message}")
        self.rule, self.path = rule, path


@dataclass(frozen=True, slots=True)
class Rule:
    """``check`` yields what breaks it, and how. ``deep`` rules work everything out again, and are for tests."""

    name: str
    check: Check
    deep: bool


RULES: dict[str, Rule] = {}


def rule(name: str, *, deep: bool = False) -> Callable[[Check], Check]:
    """Put a check into the table."""

    def declare(check: Check) -> Check:
        RULES[name] = Rule(name, check, deep)
        return check

    return declare


def verify(graph: Graph, *, deep: bool = False) -> None:
    """Check all rules, the deep ones if asked. Raises VerifyError at the first that is broken."""
    for each in RULES.values():
        if each.deep and not deep:
            continue
        for where, message in each.check(graph):
            raise VerifyError(each.name, None if where is None else where.path, message)


@rule("nodes-in-order")
def _nodes_in_order(graph: Graph) -> Iterator[tuple[Node, str]]:
    for place, node in enumerate(graph.nodes):
        if node.index != place:
            yield node, f"its index is {node.index}, its place {place}"


@rule("outputs-name-their-producer")
def _outputs_name_their_producer(graph: Graph) -> Iterator[tuple[Node, str]]:
    for node in graph.nodes:
        if not node.outputs or (len(node.outputs) > 1 and not node.many):
            yield node, f"it gives {len(node.outputs)} tensors, and {'a list' if node.many else 'no list'}"
        for place, tensor in enumerate(node.outputs):
            if tensor.producer is not node or tensor.index != place:
                yield node, f"output {place} says that it is output {tensor.index} of {tensor.producer}"


@rule("inputs-made-before-use")
def _inputs_made_before_use(graph: Graph) -> Iterator[tuple[Node, str]]:
    made: set[Tensor] = set(graph.inputs.values())
    for node in graph.nodes:
        if not made.issuperset(node.inputs):
            missing = next(t for t in node.inputs if t not in made)
            yield node, f"it reads {missing}, which no node before it makes"
        made.update(node.outputs)


@rule("number-of-inputs")
def _number_of_inputs(graph: Graph) -> Iterator[tuple[Node, str]]:
    for node in graph.nodes:
        arity = node.op.arity
        if len(node.inputs) != arity and (arity is not None or not node.inputs):
            yield node, f"`{node.op.name}` reads {len(node.inputs)} tensors, and takes {arity or 'one or more'}"


@rule("paths-unique")
def _paths_unique(graph: Graph) -> Iterator[tuple[Node, str]]:
    if len({node.path for node in graph.nodes}) < len(graph.nodes):
        seen: set[str] = set()
        for node in graph.nodes:
            if node.path in seen:
                yield node, "another node has its path"
            seen.add(node.path)


@rule("tree-and-nodes-agree")
def _tree_and_nodes_agree(graph: Graph) -> Iterator[tuple[Node | Module | None, str]]:
    stack = [graph.root]
    count = 0
    while stack:
        module = stack.pop()
        prefix = f"{module.path}." if module.path else ""
        for name, child in module.children.items():
            if child.parent is not module or child.name != name or child.path != prefix + name:
                yield child, f"it is child `{name}` of {module}, and says {child.name!r} of {child.parent}"
            if isinstance(child, Module):
                stack.append(child)
            else:
                count += 1
                if child.index >= len(graph.nodes) or graph.nodes[child.index] is not child:
                    yield child, "it is in the tree and not among the nodes"
    if count != len(graph.nodes):
        yield None, f"{len(graph.nodes)} nodes, {count} of them in the tree"


@rule("sections-name-children")
def _sections_name_children(graph: Graph) -> Iterator[tuple[None, str]]:
    for section, names in graph.sections.items():
        for name in names:
            if name not in graph.root.children:
                yield None, f"section {section} names `{name}`, which is no child of the root"


@rule("results-exist")
def _results_exist(graph: Graph) -> Iterator[tuple[None, str]]:
    inputs = set(graph.inputs.values())
    for mode, outputs in (("eval", graph.outputs), ("train", graph.train_outputs)):
        if not outputs:
            yield None, f"{mode} has no output"
        for name, tensor in outputs.items():
            producer = tensor.producer
            known = tensor in inputs if producer is None else _holds(graph, producer, tensor)
            if not known:
                yield None, f"output `{name}` of {mode} is {tensor}, which nothing makes"


def _holds(graph: Graph, node: Node, tensor: Tensor) -> bool:
    return node.index < len(graph.nodes) and graph.nodes[node.index] is node and tensor in node.outputs


@rule("weights-and-macs-not-negative")
def _weights_and_macs(graph: Graph) -> Iterator[tuple[Node, str]]:
    for node in graph.nodes:
        if node.macs < 0 or any(min(w.shape, default=1) < 1 for w in node.weights.values()):
            yield node, f"{node.macs} multiply-adds, weights {node.weights}"


@rule("keys-unique", deep=True)
def _keys_unique(graph: Graph) -> Iterator[tuple[Node, str]]:
    seen: set[str] = set()
    for entry in graph.state:
        if entry.key in seen:
            yield entry.node, f"the state_dict has `{entry.key}` twice"
        seen.add(entry.key)
    expected = {node.key(name) for node in graph.nodes for name in node.weights}
    for node in graph.nodes:
        if any(node.key(name) not in seen for name in node.weights):
            yield node, f"of {len(expected)} weights the state_dict has {len(seen)}"


@rule("inferred-again", deep=True)
def _inferred_again(graph: Graph) -> Iterator[tuple[Node, str]]:
    for node in graph.nodes:
        shapes = [t.shape for t in node.inputs]
        inferred = node.op.infer(*shapes)
        found = inferred if isinstance(inferred, list) else [inferred]
        stored = [t.shape for t in node.outputs]
        if found != stored or isinstance(inferred, list) != node.many:
            yield node, f"inferred {found}, stored {stored}"
        if node.op.weights(*shapes) != node.weights:
            yield node, "its weights are not what its op says"
        if node.op.macs(shapes, found[0]) != node.macs:
            yield node, f"{node.macs} multiply-adds, its op says {node.op.macs(shapes, found[0])}"
