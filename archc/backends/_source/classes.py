"""Which containers become classes, and which of them share one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from archc.backends._source.describe import Describer, chain_of
from archc.backends._source.expression import Expression
from archc.backends._source.merge import absorb, merge
from archc.backends._source.names import DICT_NAMES, capitalised
from archc.backends._source.parameters import Chooser, Parameter, settle_in_place
from archc.backends._source.steps import UnmergeableError
from archc.backends._source.template import ABSENT, Body, Chain, Entry, Leaf, Slot, Space, leaves, skeleton
from archc.backends._source.wiring import Wiring
from archc.graph.graph import Graph, Module, Node
from archc.graph.memory.inplace import inplace_nodes

Group = tuple[object, ...]
_MOST_CLASSES = 32  # of one block, with which a further form of it is compared


@dataclass(eq=False)
class Plan:
    """A class to be written, and what each of its instances gives it."""

    body: Body
    parameters: list[Parameter]
    wanted: str  # the name to start from: of the block, or of the child
    arguments: dict[str, list[object]]  # of the block, where they set this class apart from others of the same name
    name: str = ""
    locals: dict[str, Expression] = field(default_factory=dict[str, Expression])
    chain: bool = False  # it could stand as an nn.Sequential where it is called
    places: dict[int, int] = field(default_factory=dict[int, int])

    def call(self, module: Module) -> Leaf:
        """The constructor call that makes this container."""
        i = self.places[id(module)]
        args = {p.name: Slot(f"{module.name}.{p.name}", [p.values[i]]) for p in self.parameters}
        positional = sum(p.default is ABSENT and not p.flag for p in self.parameters)
        return Leaf(Slot(module.name, [self]), args, positional, [None])


class Planner:
    """Makes the classes of one or several graphs of one spec, the innermost first."""

    def __init__(self, graphs: Sequence[Graph]) -> None:
        self.graphs = graphs
        self.wirings = {id(g): Wiring(g) for g in graphs}
        self.plans: list[Plan] = []
        self._of: dict[int, Plan] = {}
        self._graph_of: dict[int, Graph] = {}
        self._describers = {id(g): Describer(self.wirings[id(g)], self, inplace_nodes(g)) for g in graphs}

    def call(self, module: Module) -> Leaf | None:
        plan = self._of.get(id(module))
        return plan.call(module) if plan else None

    def plan(self) -> list[Plan]:
        """All classes, each after those that it uses."""
        members: dict[int, tuple[Module, list[int]]] = {}
        for graph in self.graphs:
            self._collect(graph, graph.root, members)
        for group in _in_order(members):
            self._settle(group)
        return self.plans

    def helpers(self) -> dict[str, str]:
        """Name → source of the classes and functions that torch lacks."""
        return {name: text for d in self._describers.values() for name, text in d.helpers.items()}

    def root(self) -> Plan:
        """The class of the first graph's network."""
        return self._of[id(self.graphs[0].root)]

    def _collect(self, graph: Graph, module: Module, members: dict[int, tuple[Module, list[int]]]) -> list[int]:
        """The containers below that become classes, with what each holds; gives those that the caller holds."""
        inner = [
            found
            for child in module.children.values()
            if not isinstance(child, Node)
            for found in self._collect(graph, child, members)
        ]
        if not self._is_class(self.wirings[id(graph)], module):
            return inner
        self._graph_of[id(module)] = graph
        members[id(module)] = (module, inner)
        return [id(module)]

    def _is_class(self, wiring: Wiring, module: Module) -> bool:
        if module.kind == "root":
            return True
        if wiring.hollow(module):
            return False
        if wiring.interface(module) is None:
            return _needs_class(wiring, module)
        if not chain_of(wiring, module):
            return True
        return module.block is not None and not _is_stage(module)

    def _settle(self, modules: list[Module]) -> None:
        """Make the classes of containers of one kind: as few as they merge into."""
        exact: dict[object, Body] = {}
        for module in modules:
            body = self._describe(module)
            key = skeleton(body)
            if key in exact:
                absorb(exact[key], body)
            else:
                exact[key] = body
        merged: list[Body] = []
        for body in sorted(exact.values(), key=lambda b: -b.size):
            for i, other in enumerate(merged[:_MOST_CLASSES]):
                try:
                    merged[i] = merge(other, body)
                    break
                except UnmergeableError:
                    continue
            else:
                merged.append(body)
        for body in merged:
            self._finish(body, merged)

    def _describe(self, module: Module) -> Body:
        graph = self._graph_of[id(module)]
        describer = self._describers[id(graph)]
        if module.kind != "root" and self.wirings[id(graph)].interface(module) is None:
            return describer.bare(module)
        return describer.body(module)

    def _finish(self, body: Body, siblings: list[Body]) -> None:
        drop_hollow(body)
        settle_in_place(body)
        name_flags(body)
        settings = [self._graph_of[id(m)].params for m in body.modules]
        chooser = Chooser(body, settings, frozenset({"i"}))
        parameters = chooser.choose()
        plan = Plan(body, parameters, _wanted_name(body.modules[0]), _telling(body, siblings))
        plan.locals = chooser.locals
        plan.chain = body.chain is not None or self._named_chain(body)
        plan.places = {id(m): i for i, m in enumerate(body.modules)}
        self._of.update({id(m): plan for m in body.modules})
        self.plans.append(plan)

    def _named_chain(self, body: Body) -> bool:
        """Whether the class does no more than call its children one after the other, in all instances."""
        if not body.entries or any(step.expression is not None for step in body.steps):
            return False
        return all(m.kind != "root" and chain_of(self.wirings[id(self._graph_of[id(m)])], m) for m in body.modules)


def _wanted_name(module: Module) -> str:
    """What a class is called after: the block, or the child, or what holds it if that is a number."""
    if module.block is not None:
        return capitalised(module.block, _heading(module))
    name = next((part for part in reversed(module.path.split(".")) if not part[:1].isdigit()), "block")
    return re.sub(r"[\d_-]+$", "", name) or name


def _heading(module: Module) -> str:
    """What the file in which a block is written says of itself, before its blocks."""
    child = next(iter(module.children.values()), None)
    origin = child.origin if child is not None else None
    return origin.span.source.text.partition("\nblocks:")[0] if origin is not None else ""


def _telling(body: Body, siblings: list[Body]) -> dict[str, list[object]]:
    """Arguments of the block that all instances of this body share and no instance of the others has."""
    shared: dict[str, list[object]] = {}
    others = [m for other in siblings if other is not body for m in other.modules]
    for name, value in body.modules[0].arguments.items():
        here = {repr(m.arguments.get(name)) for m in body.modules}
        there = {repr(m.arguments.get(name)) for m in others}
        if len(here) == 1 and not here & there and isinstance(value, bool | int | str):
            shared[name] = [value]
    return shared


def _is_stage(module: Module) -> bool:
    """Whether the container only repeats one block: written out, it folds better than a class would."""
    blocks = {c.block if isinstance(c, Module) else None for c in module.children.values()}
    return len(blocks) == 1 and None not in blocks


def _needs_class(wiring: Wiring, module: Module) -> bool:
    """Whether a namespace can be no nn.ModuleList and no ModuleDict: it holds weights, another, or a name of theirs."""
    own = any(isinstance(c, Node) and "" in c.weights for c in module.children.values())
    nested = any(isinstance(c, Module) and wiring.interface(c) is None for c in module.children.values())
    return own or nested or bool(DICT_NAMES & module.children.keys())


def _group(module: Module) -> Group:
    """Containers of one group may share a class: those of one block, or at one place in one block."""
    if module.kind == "root":
        return ("root",)
    if module.block is not None:
        return ("block", module.block)
    path: list[str] = []
    inside: Module | None = module
    while inside is not None and inside.block is None:
        path.append(re.sub(r"\d+", "", inside.name))
        inside = inside.parent
    return "place", inside.block if inside is not None else None, tuple(path)


def _in_order(members: dict[int, tuple[Module, list[int]]]) -> Iterator[list[Module]]:
    """The groups, each after those whose containers stand in its own; blocks that hold themselves split by height."""
    heights: dict[int, int] = {}
    for key, (_, inner) in members.items():  # the inner ones were collected first
        heights[key] = 1 + max((heights[i] for i in inner), default=0)
    groups = {key: _group(module) for key, (module, _) in members.items()}
    while recursive := _recursive(members, groups):
        groups = {k: (*g, heights[k]) if g in recursive else g for k, g in groups.items()}
    by_group: dict[Group, list[Module]] = {}
    for key, (module, _) in members.items():
        by_group.setdefault(groups[key], []).append(module)
    return (by_group[g] for g in TopologicalSorter(_needs(members, groups)).static_order())


def _needs(members: dict[int, tuple[Module, list[int]]], groups: dict[int, Group]) -> dict[Group, list[Group]]:
    """Group → groups whose containers stand in its own, in a fixed order: the same graph gives the same text."""
    needs: dict[Group, dict[Group, None]] = {}
    for key, (_, inner) in members.items():
        needs.setdefault(groups[key], {}).update(dict.fromkeys(groups[i] for i in inner))
    return {group: list(inner) for group, inner in needs.items()}


def _recursive(members: dict[int, tuple[Module, list[int]]], groups: dict[int, Group]) -> set[Group]:
    """Groups that hold themselves, directly or through others: at least one circle's, if there is one."""
    needs = _needs(members, groups)
    if direct := {g for g, inner in needs.items() if g in inner}:
        return direct
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as e:
        return set(e.args[1])
    return set()


def drop_hollow(body: Body) -> None:
    """Leave out children that no instance builds, unless their number must be kept."""

    def kept(entries: list[Entry], *, numbered: bool) -> list[Entry]:
        for entry in entries:
            if isinstance(entry.item, Chain | Space):
                entry.item.entries = kept(
                    entry.item.entries, numbered=isinstance(entry.item, Chain) and entry.item.numbered
                )
        return [e for e in entries if e.item is not None or numbered]

    body.entries = kept(body.entries, numbered=body.chain is not None)
    if body.chain is not None:
        body.chain.entries = body.entries
    body.steps = [s for s in body.steps if not s.hollow]


def name_flags(body: Body) -> None:
    """Labels for what is optional: a step that brings an input back in is a residual; a child says its block."""
    labels: dict[str, str] = {}
    for step in body.steps:
        if not step.present.constant():
            alike = [s for s in body.steps if s.present.values == step.present.values]
            inputs = any(not isinstance(a, tuple) and a.kind == "input" for s in alike for a in s.arguments)
            last = alike[-1].key[-1]
            step.present.label = "residual" if inputs and len(alike[-1].arguments) > 1 else last
            labels[repr(step.present.values)] = step.present.label
    for entry in _all_entries(body.entries):
        if entry.name.isdigit():
            made = entry.item.made_by if isinstance(entry.item, Leaf) else []
            op = next((o.name for o in made if o is not None), "layers")
            entry.present.label = entry.block or op
        entry.present.label = labels.get(repr(entry.present.values), entry.present.label)


def _all_entries(entries: Sequence[Entry]) -> Iterator[Entry]:
    for entry in entries:
        yield entry
        if isinstance(entry.item, Chain | Space):
            yield from _all_entries(entry.item.entries)


def used_plans(root: Plan) -> list[Plan]:
    """The classes that the network needs, each after those that it uses, in the order of their first use."""
    order: list[Plan] = []

    def visit(plan: Plan) -> None:
        if plan in order:
            return
        for leaf in leaves(plan.body.entries):
            for cls in leaf.cls.present():
                if isinstance(cls, Plan):
                    visit(cls)
        order.append(plan)

    visit(root)
    return order
