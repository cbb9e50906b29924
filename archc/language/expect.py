"""`expect`: what must hold of a network, tested against its graph.

A number must be equal; text such as ``"< 26M"`` is a budget. All is taken at batch 1 in eval mode.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from archc.diagnostics import expect as wording
from archc.diagnostics.collector import Collector
from archc.diagnostics.span import Span
from archc.graph.cost import cost
from archc.graph.graph import Graph, Module, Node, Tensor
from archc.language.syntax import Mapping, Scalar, Sequence
from archc.language.syntax import Node as Tree

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq, "==": operator.eq,
}  # fmt: skip
UNITS = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
TOTALS = ("params", "macs", "flops", "activations", "param_bytes", "peak_activation_bytes")
CHILD_FIGURES = ("params", "macs", "shape")
_BUDGET = re.compile(r"(<=?|>=?|==?)?\s*([0-9][0-9_,]*(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)\s*([kKMGT]|[KMG]i)?")


@dataclass(frozen=True, slots=True)
class Unmet:
    """An expectation that does not hold: of ``what``, at ``span`` in the spec."""

    what: str
    found: str
    expected: str
    span: Span


@dataclass(frozen=True, slots=True)
class Budget:
    """A bound on a figure, as text gives it."""

    text: str
    holds: Callable[[float], bool]

    @staticmethod
    def read(text: str) -> Budget | None:
        """``< 26M``, ``<= 4.1G``, ``< 64Mi``; without a sign it must be equal. None if it is no budget."""
        match = _BUDGET.fullmatch(text.strip())
        if match is None:
            return None
        sign, number, unit = match.groups()
        bound = float(re.sub("[_,]", "", number)) * UNITS[unit or ""]
        compare = COMPARISONS[sign or "="]
        return Budget(text, lambda value: compare(value, bound))


def unmet(graph: Graph, figures: Mapping, collector: Collector) -> list[Unmet]:
    """What of one variant's ``expect`` does not hold. Names that mean nothing go to ``collector``."""
    return list(_Test(graph, collector).network(figures))


class _Test:
    """Tests the figures of one network."""

    def __init__(self, graph: Graph, collector: Collector) -> None:
        self._graph, self._collector = graph, collector
        self._cost = cost(graph)

    def network(self, figures: Mapping) -> Iterator[Unmet]:
        for key, value in figures.entries:
            if key.text in TOTALS:
                yield from self._number(key.text, getattr(self._cost.total, key.text), value)
            elif key.text == "keys":
                yield from self._keys(value)
            elif key.text == "shape":
                yield from self._output_shapes(value)
            elif key.text == "at":
                yield from self._children(value)
            else:
                self._collector.add(wording.unknown_figure(key.span, key.text, [*TOTALS, "keys", "shape", "at"]))

    def _number(self, what: str, found: int, value: Tree) -> Iterator[Unmet]:
        wanted = value.value if isinstance(value, Scalar) else None
        if isinstance(wanted, int) and not isinstance(wanted, bool):
            if found != wanted:
                yield Unmet(what, f"{found:,}", f"{wanted:,}", value.span)
            return
        budget = Budget.read(wanted) if isinstance(wanted, str) else None
        if budget is None:
            self._collector.add(wording.bad_figure(value.span, what, 'an integer, or a budget such as "< 26M"'))
        elif not budget.holds(found):
            yield Unmet(what, f"{found:,}", budget.text, value.span)

    def _keys(self, value: Tree) -> Iterator[Unmet]:
        if not isinstance(value, Sequence):
            yield from self._number("keys", len(self._graph.state), value)
            return
        known = {entry.key for entry in self._graph.state}
        for item in value.items:
            if not isinstance(item, Scalar):
                self._collector.add(wording.bad_figure(item.span, "keys", "a number, or a list of state_dict keys"))
            elif item.text not in known:
                yield Unmet("keys", "not there", item.text, item.span)

    def _output_shapes(self, value: Tree) -> Iterator[Unmet]:
        outputs = self._graph.outputs
        if not isinstance(value, Mapping):
            if len(outputs) == 1:
                yield from self._shape("shape", next(iter(outputs.values())), value)
            else:
                wanted = f"a mapping from an output ({', '.join(outputs)}) to its shape"
                self._collector.add(wording.bad_figure(value.span, "shape", wanted))
            return
        for key, shape in value.entries:
            if key.text in outputs:
                yield from self._shape(f"shape of {key.text}", outputs[key.text], shape)
            else:
                self._collector.add(wording.unknown_output(key.span, key.text, outputs))

    def _shape(self, what: str, tensor: Tensor, value: Tree) -> Iterator[Unmet]:
        sizes = [i.value if isinstance(i, Scalar) else None for i in value.items] if isinstance(value, Sequence) else []
        if not sizes or not all(isinstance(size, int) for size in sizes):
            wanted = "a list of integers, without the batch"
            self._collector.add(wording.bad_figure(value.span, what, wanted))
        elif sizes != list(tensor.shape.dims):
            yield Unmet(what, str(list(tensor.shape.dims)), str(sizes), value.span)

    def _children(self, value: Tree) -> Iterator[Unmet]:
        if not isinstance(value, Mapping):
            self._collector.add(wording.bad_figure(value.span, "at", "a mapping from a path to figures"))
            return
        for key, figures in value.entries:
            child = _find(self._graph.root, key.text)
            if child is None:
                self._collector.add(wording.unknown_path(key.span, key.text, _paths(self._graph)))
            elif not isinstance(figures, Mapping):
                wanted = f"a mapping with some of {', '.join(CHILD_FIGURES)}"
                self._collector.add(wording.bad_figure(figures.span, key.text, wanted))
            else:
                yield from self._child(child, key.text, figures)

    def _child(self, child: Module | Node, path: str, figures: Mapping) -> Iterator[Unmet]:
        inside = {child} if isinstance(child, Node) else set(child.nodes())
        costs = [c for c in self._cost.nodes if c.node in inside]
        for key, value in figures.entries:
            what = f"{path} {key.text}"
            if key.text == "params":
                yield from self._number(what, sum(c.params for c in costs), value)
            elif key.text == "macs":
                yield from self._number(what, sum(c.macs for c in costs), value)
            elif key.text == "shape":
                yield from self._child_shape(child, what, value)
            else:
                self._collector.add(wording.unknown_figure(key.span, key.text, CHILD_FIGURES))

    def _child_shape(self, child: Module | Node, what: str, value: Tree) -> Iterator[Unmet]:
        gives = (list(child.outputs) if child.many else child.output) if isinstance(child, Node) else child.result
        if isinstance(gives, Tensor):
            yield from self._shape(what, gives, value)
        else:
            self._collector.add(wording.bad_figure(value.span, what, "asked of a child that gives one tensor"))


def _find(root: Module, path: str) -> Module | Node | None:
    child: Module | Node | None = root
    for part in path.split("."):
        child = child.children.get(part) if isinstance(child, Module) else None
    return child


def _paths(graph: Graph) -> Iterator[str]:
    def walk(module: Module) -> Iterator[str]:
        for child in module.children.values():
            yield child.path
            if isinstance(child, Module):
                yield from walk(child)

    return walk(graph.root)
