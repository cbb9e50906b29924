"""`expect`: what must hold of a network, tested against its graph, at batch 1 in eval mode.

A number must be equal; text such as ``"< 26M"`` is a budget.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from archc.diagnostics import errors
from archc.diagnostics.collector import Collector
from archc.diagnostics.span import Span
from archc.graph.cost import cost
from archc.graph.graph import Graph, Module, Node, Tensor
from archc.language.declarations import Figures, Part, place, read
from archc.language.syntax import Mapping

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq, "==": operator.eq,
}  # fmt: skip
UNITS = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
TOTALS = ("params", "trainable_params", "macs", "flops", "activations", "param_bytes", "peak_activation_bytes")
_BUDGET = re.compile(r"(<=?|>=?|==?)?\s*([0-9][0-9_,]*(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)\s*([kKMGT]|[KMG]i)?")

Path = tuple[str | int, ...]  # keys from the variant's figures down


@dataclass(frozen=True, slots=True)
class Unmet:
    """An expectation that does not hold: of ``what``, at ``span`` in the spec."""

    what: str
    found: str
    expected: str
    span: Span


def within(found: int, budget: str) -> bool | None:
    """Whether a figure keeps to ``< 26M``, ``<= 4.1G``, ``< 64Mi``; None if the text is no budget."""
    match = _BUDGET.fullmatch(budget.strip())
    if match is None:
        return None
    sign, number, unit = match.groups()
    return COMPARISONS[sign or "="](found, float(re.sub("[_,]", "", number)) * UNITS[unit or ""])


def unmet(graph: Graph, tree: Mapping, collector: Collector) -> list[Unmet]:
    """What of one variant's ``expect`` does not hold. What means nothing goes to ``collector``."""
    figures = read(Figures, tree, f"`expect` of `{graph.variant}`", collector)
    return [] if figures is None else list(_Test(graph, tree, collector).network(figures))


class _Test:
    """Tests the figures of one network."""

    def __init__(self, graph: Graph, tree: Mapping, collector: Collector) -> None:
        self._graph, self._tree, self._collector = graph, tree, collector
        self._cost = cost(graph)

    def network(self, figures: Figures) -> Iterator[Unmet]:
        for name in TOTALS:
            yield from self._number(getattr(figures, name), getattr(self._cost.total, name), (name,))
        if isinstance(figures.keys, list):
            yield from self._keys(figures.keys)
        else:
            yield from self._number(figures.keys, len(self._graph.state), ("keys",))
        yield from self._output_shapes(figures.shape)
        for path, part in figures.parts().items():
            child = _find(self._graph.root, path)
            if child is None:
                self._collector.add(errors.unknown_path(place(self._tree, ("at", path)), path, _paths(self._graph)))
            else:
                yield from self._child(child, part, ("at", path))

    def _number(self, wanted: int | str | None, found: int, path: Path) -> Iterator[Unmet]:
        if isinstance(wanted, str):
            holds = within(found, wanted)
            if holds is None:
                self._report(path, 'a number, or a budget such as "< 26M"')
        else:
            holds = wanted is None or found == wanted
        if holds is False:
            yield self._unmet(path, f"{found:,}", wanted if isinstance(wanted, str) else f"{wanted:,}")

    def _keys(self, wanted: Sequence[str]) -> Iterator[Unmet]:
        known = {entry.key for entry in self._graph.state}
        for i, key in enumerate(wanted):
            if key not in known:
                yield self._unmet(("keys", i), "not there", key)

    def _output_shapes(self, wanted: list[int] | dict[str, list[int]] | None) -> Iterator[Unmet]:
        outputs = self._graph.outputs
        if isinstance(wanted, dict):
            for name, shape in wanted.items():
                if name in outputs:
                    yield from self._shape(shape, outputs[name], ("shape", name))
                else:
                    self._report(("shape", name), f"an output: {', '.join(outputs)}")
        elif wanted is not None and len(outputs) > 1:
            self._report(("shape",), f"a mapping from an output ({', '.join(outputs)}) to its shape")
        else:
            yield from self._shape(wanted, next(iter(outputs.values())), ("shape",))

    def _shape(self, wanted: list[int] | None, tensor: Tensor, path: Path) -> Iterator[Unmet]:
        found = list(tensor.shape.dims)
        if wanted is not None and wanted != found:
            yield self._unmet(path, str(found), str(wanted))

    def _child(self, child: Module | Node, part: Part, path: Path) -> Iterator[Unmet]:
        inside = {child} if isinstance(child, Node) else set(child.nodes())
        costs = [c for c in self._cost.nodes if c.node in inside]
        yield from self._number(part.params, sum(c.params for c in costs), (*path, "params"))
        yield from self._number(part.macs, sum(c.macs for c in costs), (*path, "macs"))
        gives = (list(child.outputs) if child.many else child.output) if isinstance(child, Node) else child.result
        if isinstance(gives, Tensor):
            yield from self._shape(part.shape, gives, (*path, "shape"))
        elif part.shape is not None:
            self._report((*path, "shape"), "asked of a child that gives one tensor")

    def _unmet(self, path: Path, found: str, expected: str) -> Unmet:
        what = " ".join(str(p) for p in path if p != "at" and not isinstance(p, int))
        return Unmet(what, found, expected, place(self._tree, path))

    def _report(self, path: Path, wanted: str) -> None:
        name = f"`expect` of `{self._graph.variant}`"
        self._collector.add(errors.bad_field(place(self._tree, path), name, f"`{path[-1]}` must be {wanted}"))


def _find(root: Module, path: str) -> Module | Node | None:
    child: Module | Node | None = root
    for part in path.split("."):
        child = child.children.get(part) if isinstance(child, Module) else None
    return child


def _paths(graph: Graph) -> list[str]:
    def walk(module: Module) -> Iterator[str]:
        for child in module.children.values():
            yield child.path
            if isinstance(child, Module):
                yield from walk(child)

    return list(walk(graph.root))
