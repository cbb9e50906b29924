"""`expect`: what must hold of a network, tested line by line against its graph, at batch 1 in eval mode.

A number must be equal; text such as ``"< 26M"`` is a budget; a constraint is an expression that must be true.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from archc.diagnostics import errors
from archc.diagnostics.collector import Collector
from archc.diagnostics.diagnostic import Diagnostic
from archc.diagnostics.span import Span
from archc.display.text import clean
from archc.graph.cost import cost
from archc.graph.graph import Graph, Module, Node, Tensor
from archc.language.declarations import Figures, data, place, read
from archc.language.evaluate import Evaluator
from archc.language.expression import parse_expression
from archc.language.reporting import Exhausted, Poisoned
from archc.language.scope import Env
from archc.language.syntax import Mapping, Scalar, Sequence
from archc.language.syntax import Node as Tree
from archc.language.values import Function, is_layer, value_text

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq, "==": operator.eq,
}  # fmt: skip
UNITS = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
TOTALS = (
    "params", "trainable_params", "macs", "flops", "activations", "param_bytes", "peak_activation_bytes",
    "saved_for_backward_bytes",
)  # fmt: skip
_BUDGET = re.compile(r"(<=?|>=?|==?)?\s*([0-9][0-9_,]*(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)\s*([kKMGT]|[KMG]i)?")
_SHOWN = 80  # characters of a value in a constraint

Path = tuple[str | int, ...]  # keys and indices from the variant's figures down


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a variant's ``expect``: one figure, one key of a list, one constraint."""

    path: Path
    wanted: Any
    span: Span  # of the value

    @property
    def what(self) -> str:
        """As people read it: ``params``, ``at layer1 shape``, ``constraints[0]``."""
        return "".join(f"[{p}]" if isinstance(p, int) else f" {p}" for p in self.path).lstrip()


@dataclass(frozen=True, slots=True)
class Expectation:
    """A line of ``expect`` that was tested: of ``what``, at ``span`` in the spec."""

    what: str
    expected: str
    found: str
    holds: bool
    span: Span

    def diagnostic(self, variant: str) -> Diagnostic:
        """What is said where it does not hold."""
        if self.what.startswith("constraints"):
            return errors.unmet_constraint(self.span, variant, self.expected, self.found)
        return errors.unmet_figure(self.span, variant, self.what, self.found, self.expected)


def within(found: int, budget: str) -> bool | None:
    """Whether a figure keeps to ``< 26M``, ``<= 4.1G``, ``< 64Mi``; None if the text is no budget."""
    match = _BUDGET.fullmatch(budget.strip())
    if match is None:
        return None
    sign, number, unit = match.groups()
    return COMPARISONS[sign or "="](found, float(re.sub("[_,]", "", number)) * UNITS[unit or ""])


def lines(tree: Tree, path: Path = ()) -> Iterator[Line]:
    """The lines of one variant's ``expect``, in their order."""
    if isinstance(tree, Mapping) and (tree.entries or not path):
        for key, value in tree.entries:
            yield from lines(value, (*path, key.text))
    elif isinstance(tree, Sequence) and path in (("keys",), ("constraints",)):
        for i, item in enumerate(tree.items):
            yield Line((*path, i), data(item), item.span)
    else:
        yield Line(path, data(tree), tree.span)


def results(graph: Graph, tree: Mapping, collector: Collector) -> list[Expectation]:
    """Each line of one variant's ``expect``, tested. What means nothing goes to ``collector`` in its place."""
    if read(Figures, tree, f"`expect` of `{graph.variant}`", collector) is None:
        return []
    test = _Test(graph, tree, collector)
    return [e for line in lines(tree) if (e := test.line(line)) is not None]


class _Test:
    """Tests the lines of one network. Where a line means nothing, that is reported and gives None."""

    def __init__(self, graph: Graph, tree: Mapping, collector: Collector) -> None:
        self._graph, self._tree, self._collector = graph, tree, collector
        self._cost = cost(graph)

    def line(self, line: Line) -> Expectation | None:
        return _LINES[str(line.path[0])](self, line)

    def total(self, line: Line) -> Expectation | None:
        return self._number(line, getattr(self._cost.total, str(line.path[0])))

    def keys(self, line: Line) -> Expectation | None:
        if len(line.path) == 1:
            return self._number(line, len(self._graph.state))
        there = line.wanted in self._keys
        return Expectation(line.what, line.wanted, line.wanted if there else "not there", there, line.span)

    def shape(self, line: Line) -> Expectation | None:
        """Of the one output, or of one of them by name."""
        outputs = self._graph.outputs
        name = line.path[1] if len(line.path) > 1 else None
        if name is not None and name not in outputs:
            return self._report(line, f"an output: {', '.join(outputs)}")
        if name is None and len(outputs) > 1:
            return self._report(line, f"a mapping from an output ({', '.join(outputs)}) to its shape")
        return self._shape(line, next(iter(outputs.values())) if name is None else outputs[str(name)])

    def constraint(self, line: Line) -> Expectation | None:
        listed = self._tree.get("constraints")
        assert isinstance(listed, Sequence) and isinstance(line.path[1], int)
        scalar = listed.items[line.path[1]]
        assert isinstance(scalar, Scalar)
        expression = parse_expression(scalar, self._collector)
        if expression is None:
            return None
        try:
            holds = Evaluator(self._collector).truth(expression, self._env, None)
        except (Poisoned, Exhausted):  # which was reported
            return None
        found = self._named(expression.tree) or value_text(holds)
        return Expectation(line.what, clean(expression.text), found, holds, expression.span)

    def child(self, line: Line) -> Expectation | None:
        """A figure of the child at a path."""
        path, *figure = (str(p) for p in line.path[1:])
        child = _find(self._graph.root, path)
        if child is None:
            known = _paths(self._graph)
            self._collector.add(errors.unknown_path(place(self._tree, line.path[:2]), path, known))
            return None
        return _OF_CHILD[figure[0]](self, line, child) if figure else None

    def _child_total(self, line: Line, child: Module | Node) -> Expectation | None:
        inside = set(child.nodes())
        return self._number(line, sum(getattr(c, str(line.path[-1])) for c in self._cost.nodes if c.node in inside))

    def _child_shape(self, line: Line, child: Module | Node) -> Expectation | None:
        gives = (list(child.outputs) if child.many else child.output) if isinstance(child, Node) else child.result
        if isinstance(gives, Tensor):
            return self._shape(line, gives)
        return self._report(line, "asked of a child that gives one tensor")

    def _number(self, line: Line, found: int) -> Expectation | None:
        wanted = line.wanted
        holds = within(found, wanted) if isinstance(wanted, str) else found == wanted
        if holds is None:
            return self._report(line, 'a number, or a budget such as "< 26M"')
        return Expectation(
            line.what, wanted if isinstance(wanted, str) else f"{wanted:,}", f"{found:,}", holds, line.span
        )

    def _shape(self, line: Line, tensor: Tensor) -> Expectation:
        found = list(tensor.shape.dims)
        return Expectation(line.what, str(line.wanted), str(found), found == line.wanted, line.span)

    def _named(self, tree: ast.expr) -> str:
        """The names of the spec in an expression, with their values."""
        own = {name: v for name, v in self._graph.values.items() if not isinstance(v, Function)}
        names = dict.fromkeys(n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id in own)
        shown = [(name, clean(value_text(own[name]), _SHOWN)) for name in names]
        # A layer that is called as it is would only be said twice.
        return ", ".join(f"{n} = {v}" for n, v in shown if not (is_layer(own[n]) and n == v))

    def _report(self, line: Line, wanted: str) -> None:
        name = f"`expect` of `{self._graph.variant}`"
        self._collector.add(errors.bad_field(line.span, name, f"`{line.path[-1]}` must be {wanted}"))

    @cached_property
    def _env(self) -> Env:
        return Env(None, dict(self._graph.values))

    @cached_property
    def _keys(self) -> set[str]:
        return {entry.key for entry in self._graph.state}


_LINES: dict[str, Callable[[_Test, Line], Expectation | None]] = {
    **dict.fromkeys(TOTALS, _Test.total),
    "keys": _Test.keys,
    "shape": _Test.shape,
    "constraints": _Test.constraint,
    "at": _Test.child,
}
_OF_CHILD: dict[str, Callable[[_Test, Line, Module | Node], Expectation | None]] = {
    "params": _Test._child_total,  # pyright: ignore[reportPrivateUsage]
    "macs": _Test._child_total,  # pyright: ignore[reportPrivateUsage]
    "shape": _Test._child_shape,  # pyright: ignore[reportPrivateUsage]
}


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
