"""What flows into and out of each container of a graph, and in which order its children are called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from archc.graph.graph import Graph, Mode, Module, Node, Tensor

Key = tuple[str, ...]  # names from a container down to one of its children; several where a dotted name made namespaces
MODES: tuple[Mode, Mode] = ("eval", "train")
BOTH: frozenset[Mode] = frozenset(MODES)


@dataclass(frozen=True)
class Unit:
    """A child that a container calls, and where: directly, or through namespaces."""

    key: Key
    child: Node | Module


@dataclass(frozen=True)
class Interface:
    """Tensors from outside, as the block takes them (a list where it takes one), and those that are used outside."""

    inputs: tuple[Tensor | tuple[Tensor, ...], ...]
    outputs: tuple[Tensor, ...]
    as_list: bool  # the outputs are the list that the container gives


class Wiring:
    """Answers for one graph. Containers stand in it as the spec made them."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._order = {id(node): i for i, node in enumerate(graph.nodes)}
        self._modes: dict[int, frozenset[Mode]] = {}
        for mode in MODES:
            for node in graph.live(mode):
                self._modes[id(node)] = BOTH if id(node) in self._modes else frozenset({mode})
        self._interfaces: dict[int, Interface | None] = {}
        self._spans: dict[int, tuple[int, int, int]] = {}

    def modes(self, child: Node | Module) -> frozenset[Mode]:
        """The modes in which some output needs the child."""
        if isinstance(child, Module) and id(child) not in self._modes:
            self._modes[id(child)] = frozenset[Mode]().union(*(self.modes(c) for c in child.children.values()))
        return self._modes.get(id(child), frozenset())

    def span(self, module: Module) -> tuple[int, int, int]:
        """Place of the first and the last node below in the order of execution, and their number."""
        if id(module) not in self._spans:
            below = [self._order[id(n)] for n in module.nodes()]
            self._spans[id(module)] = (min(below), max(below), len(below)) if below else (-1, -1, 0)
        return self._spans[id(module)]

    def hollow(self, child: Node | Module) -> bool:
        """Whether the child is a container in which nothing was built."""
        return isinstance(child, Module) and self.span(child)[2] == 0

    def inside(self, tensor: Tensor, module: Module) -> bool:
        if tensor.producer is None:
            return False
        first, last, _ = self.span(module)
        return first <= self._order[id(tensor.producer)] <= last

    @cached_property
    def _uses(self) -> dict[int, list[tuple[int, frozenset[Mode]]]]:
        """Tensor → the places where it is read and in which modes; the network's end is a place after all."""
        uses: dict[int, list[tuple[int, frozenset[Mode]]]] = {}
        for i, node in enumerate(self.graph.nodes):
            for tensor in node.inputs:
                uses.setdefault(id(tensor), []).append((i, self.modes(node)))
        end = len(self.graph.nodes)
        for mode in MODES:
            for tensor in self.graph.outputs_of(mode).values():
                uses.setdefault(id(tensor), []).append((end, frozenset({mode})))
        return uses

    def place(self, child: Node | Module) -> tuple[int, int]:
        """Places of its first and its last layer in the order of execution."""
        if isinstance(child, Node):
            return self._order[id(child)], self._order[id(child)]
        return self.span(child)[:2]

    def read_only_within(self, tensor: Tensor, first: int, last: int) -> bool:
        """Whether nothing but the layers from place ``first`` to place ``last`` reads the tensor."""
        return all(first <= place <= last for place, _ in self._uses.get(id(tensor), []))

    def interface(self, module: Module) -> Interface | None:
        """None for a container that can't be called: a namespace, or one that would differ between the modes."""
        if id(module) not in self._interfaces:
            self._interfaces[id(module)] = self._find_interface(module)
        return self._interfaces[id(module)]

    def _find_interface(self, module: Module) -> Interface | None:
        first, last, count = self.span(module)
        if module.kind in ("root", "namespace") or last - first + 1 != count:
            return None
        modes = self.modes(module)
        found = [self._crossing(module, mode) for mode in modes] or [self._crossing(module, None)]
        inputs, outputs = found[0]
        if any(other != found[0] for other in found[1:]):
            return None
        if not outputs and not modes:
            outputs = tuple(t for t in module.outputs if self.inside(t, module))
        listed = isinstance(module.result, list) and len(outputs) > 1 and tuple(module.result) == outputs
        return Interface(self._grouped(module, inputs), outputs, listed)

    def _crossing(self, module: Module, mode: Mode | None) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Tensors that come in and go out in a mode (None: as if all were needed)."""
        first, last, _ = self.span(module)
        nodes = [n for n in self.graph.nodes[first : last + 1] if mode is None or mode in self.modes(n)]
        inputs = {id(t): t for n in nodes for t in n.inputs if not self.inside(t, module)}
        outputs = [
            t
            for n in nodes
            for t in n.outputs
            if any(not first <= place <= last and (mode is None or mode in m) for place, m in self._uses.get(id(t), []))
        ]
        if isinstance(module.result, list):
            places = {id(t): i for i, t in enumerate(module.result)}
            outputs.sort(key=lambda t: places.get(id(t), len(places)))
        return tuple(inputs.values()), tuple(outputs)

    def _grouped(self, module: Module, needed: tuple[Tensor, ...]) -> tuple[Tensor | tuple[Tensor, ...], ...]:
        """The block's inputs in its order, as far as they are needed; then what its layers read beside them."""
        rest = {id(t): t for t in needed}
        order: list[Tensor | tuple[Tensor, ...]] = []
        for given in module.inputs:
            if isinstance(given, Tensor):
                if id(given) in rest:
                    order.append(rest.pop(id(given)))
            elif given and all(id(t) in rest for t in given) and len({id(t) for t in given}) == len(given):
                order.append(tuple(rest.pop(id(t)) for t in given))
        return (*order, *rest.values())

    def units(self, module: Module) -> list[Unit]:
        """The children that the container calls, in the order in which they were built."""
        found = list(self._units(module, ()))
        return [unit for _, unit in sorted(found, key=lambda pair: pair[0])]

    def _units(self, module: Module, key: Key) -> Iterator[tuple[float, Unit]]:
        latest = -1.0
        for name, child in module.children.items():
            unit = Unit((*key, name), child)
            if isinstance(child, Node):
                latest = float(self._order[id(child)])
                yield latest, unit
            elif self.hollow(child):
                if isinstance(child.result, Tensor) and child.kind != "namespace":
                    made = child.result.producer
                    yield max(latest, -1.0 if made is None else self._order[id(made)]) + 0.5, unit
            elif self.interface(child) is None:
                yield from self._units(child, (*key, name))
            else:
                latest = float(self.span(child)[1])
                yield float(self.span(child)[0]), unit
