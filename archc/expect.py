"""Whether what a spec expects of its variants holds: exact figures, or budgets such as ``"< 26M"``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

from archc.compiler import SpecFile
from archc.diagnostics import errors
from archc.diagnostics.collector import Collector
from archc.diagnostics.diagnostic import CompileError, Diagnostic
from archc.diagnostics.span import Span
from archc.graph.cost import Cost, cost
from archc.graph.graph import Graph, Module, Node, Tensor
from archc.language.declarations import Figures, Part, key_place, place, read
from archc.language.syntax import Mapping

_BUDGET = re.compile(r"(<=|<|>=|>|==)\s*([0-9][0-9_,]*(?:\.[0-9]+)?)\s*(Ki|Mi|Gi|Ti|[kKMGT])?")
_UNITS = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One figure: what was found, and what was expected of it. ``path`` is that of the child, or ""."""

    variant: str
    path: str
    figure: str
    found: Any
    expected: Any
    holds: bool
    span: Span


def check(file: SpecFile, variant: str, graph: Graph) -> list[Outcome]:
    """The figures that the spec states for a variant, in the order in which they stand.

    They hold at the variant's input, batch 1, in eval mode, with default parameters; ``graph`` must be that. Raises
    CompileError for a path that the network does not have, and for a figure that is no number and no budget.
    """
    spec = file.spec
    if spec is None or variant not in spec.expect:
        return []
    _, node = spec.expect[variant]
    collector = Collector()
    figures = read(Figures, node, f"`expect` of `{variant}`", collector)
    collector.check()
    assert figures is not None
    return list(_Checker(variant, graph, node).outcomes(figures))


class _Checker:
    def __init__(self, variant: str, graph: Graph, node: Mapping) -> None:
        self.variant, self.graph, self.node = variant, graph, node
        self.cost: Cost = cost(graph)

    def outcomes(self, figures: Figures) -> Iterator[Outcome]:
        for name in figures.model_fields_set - {"at", "keys", "shape"}:
            yield self.number((), name, getattr(self.cost.total, name), getattr(figures, name))
        if figures.keys is not None:
            yield self.keys(figures.keys)
        if figures.shape is not None:
            yield self.shape(figures.shape)
        for path, part in figures.at.items():
            yield from self.part(path, part)

    def part(self, path: str, part: Part) -> Iterator[Outcome]:
        child = find(self.graph.root, path)
        at = ("at", path)
        if child is None:
            known = [m.path for m in _modules(self.graph.root)]
            self.fail(errors.unknown_path(key_place(self.node, at), path, known))
        nodes = [child] if isinstance(child, Node) else list(child.nodes())
        if part.params is not None:
            yield self.number(at, "params", sum(map(_params, nodes)), part.params)
        if part.macs is not None:
            live = {id(n) for n in self.graph.live("eval")}
            yield self.number(at, "macs", sum(n.macs for n in nodes if id(n) in live), part.macs)
        if part.shape is not None:
            found = _shape(child)
            yield self.outcome(at, "shape", found, part.shape, found == part.shape)

    def keys(self, expected: int | list[str] | str) -> Outcome:
        found = [e.key for e in self.graph.state]
        if isinstance(expected, list):
            missing = [k for k in expected if k not in found]
            return self.outcome((), "keys", [f"no {k}" for k in missing] or expected, expected, not missing)
        return self.number((), "keys", len(found), expected)

    def shape(self, expected: list[int] | dict[str, list[int]]) -> Outcome:
        shapes = {name: list(t.shape.dims) for name, t in self.graph.outputs.items()}
        found: Any = next(iter(shapes.values())) if isinstance(expected, list) and len(shapes) == 1 else shapes
        return self.outcome((), "shape", found, expected, found == expected)

    def number(self, at: tuple[str, ...], name: str, found: int, expected: int | str) -> Outcome:
        if isinstance(expected, int):
            return self.outcome(at, name, found, expected, found == expected)
        budget = _BUDGET.fullmatch(expected.strip())
        if budget is None:
            message = f'`{name}` is a number, or a budget such as "< 26M"'
            self.fail(errors.bad_field(place(self.node, (*at, name)), "`expect`", message))
        compare, digits, unit = budget.groups()
        limit = float(digits.replace("_", "").replace(",", "")) * (_UNITS[unit] if unit else 1)
        return self.outcome(at, name, found, expected, _COMPARE[compare](found, limit))

    def outcome(self, at: tuple[str, ...], name: str, found: Any, expected: Any, holds: bool) -> Outcome:
        span = key_place(self.node, (*at, name))
        return Outcome(self.variant, at[-1] if at else "", name, found, expected, holds, span)

    def fail(self, diagnostic: Diagnostic) -> Any:
        raise CompileError([diagnostic])


def _params(node: Node) -> int:
    return sum(prod(w.shape) for w in node.weights.values() if not w.buffer)


def _shape(child: Module | Node) -> Any:
    result = child.result if isinstance(child, Module) else list(child.outputs) if child.many else child.output
    if isinstance(result, Tensor):
        return list(result.shape.dims)
    return [list(t.shape.dims) for t in result] if result is not None else None


def find(root: Module, path: str) -> Module | Node | None:
    """The child at a path."""
    found: Module | Node | None = root
    for name in path.split("."):
        found = found.children.get(name) if isinstance(found, Module) else None
    return found


def _modules(root: Module) -> Iterator[Module | Node]:
    for child in root.children.values():
        yield child
        if isinstance(child, Module):
            yield from _modules(child)
