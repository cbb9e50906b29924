"""From one container of the graph to the body of a class, or to an inline ``nn.Sequential``."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Literal, Protocol

from archc.backends._source.names import SEQUENTIAL_NAMES
from archc.backends._source.template import (
    Argument,
    Body,
    Chain,
    Entry,
    Item,
    Leaf,
    Ref,
    Slot,
    Space,
    Step,
    Text,
    text_of,
)
from archc.backends._source.wiring import Key, Unit, Wiring
from archc.graph.graph import Module, Node, Tensor
from archc.ops.base import Op, TorchExpression, TorchModule
from archc.ops.shape import Shape


class Classes(Protocol):
    """Knows the classes that containers have become."""

    def call(self, module: Module) -> Leaf | None:
        """The constructor call of a container that has a class of its own."""
        ...


def has_module_form(node: Node) -> bool:
    """Whether the layer can stand in an ``nn.Sequential``."""
    if len(node.inputs) != 1 or node.many or "" in node.weights:
        return False
    if type(node.op).torch_module is not Op.torch_module:
        return True
    return isinstance(node.op.torch(*_shapes(node)), TorchModule)


def chain_of(wiring: Wiring, module: Module) -> bool:
    """Whether each child reads just the one before it, so that the container is an ``nn.Sequential``."""
    interface = wiring.interface(module)
    if interface is None or len(interface.inputs) != 1 or len(interface.outputs) != 1:
        return False
    current = interface.inputs[0]
    if not isinstance(current, Tensor) or SEQUENTIAL_NAMES & module.children.keys():
        return False
    modes, place = wiring.modes(module), -1
    for child in module.children.values():
        if wiring.hollow(child):
            if not isinstance(child, Module) or child.result is not current:
                return False
            continue
        link = _link(wiring, child)
        if link is None or link[0] is not current or wiring.modes(child) != modes:
            return False
        first, last = wiring.place(child)
        if first < place or (place >= 0 and not wiring.read_only_within(current, first, last)):
            return False
        current, place = link[1], last
    return current is interface.outputs[0]


def _link(wiring: Wiring, child: Node | Module) -> tuple[Tensor, Tensor] | None:
    """What a link of a chain reads and gives."""
    if isinstance(child, Node):
        return (child.inputs[0], child.output) if has_module_form(child) else None
    interface = wiring.interface(child)
    if interface is None or len(interface.inputs) != 1 or len(interface.outputs) != 1:
        return None
    (read,) = interface.inputs
    return (read, interface.outputs[0]) if isinstance(read, Tensor) else None


def is_numbered(names: Collection[str]) -> bool:
    return list(names) == [str(i) for i in range(len(names))]


class Describer:
    """Makes items and bodies. ``in_place`` are the activations that may overwrite their input."""

    def __init__(self, wiring: Wiring, classes: Classes, in_place: frozenset[Node]) -> None:
        self.wiring, self.classes, self.in_place = wiring, classes, in_place
        self.helpers: dict[str, str] = {}  # name → source of a class or function that torch lacks

    def body(self, module: Module) -> Body:
        """The body of a container's class."""
        interface = self.wiring.interface(module)
        inputs = interface.inputs if interface else tuple(self.wiring.graph.inputs.values())
        numbered = is_numbered(module.children)
        if module.kind != "root" and numbered and chain_of(self.wiring, module):
            chain = self._chain(module)
            return Body([module], chain.entries, chain, [list(inputs)])
        entries = self._entries(module)
        body = Body([module], entries, None, [list(inputs)])
        refs = _references(inputs)
        for unit in self.wiring.units(module):
            self._step(body, unit, module, refs)
        self._returns(body, module, refs)
        _prune(body)
        return body

    def bare(self, module: Module) -> Body:
        """The body of a namespace that no container of torch's can be."""
        return Body([module], self._entries(module), None, [[]], bare=True)

    def _returns(self, body: Body, module: Module, refs: Mapping[int, Ref]) -> None:
        interface = self.wiring.interface(module)
        if interface is not None:
            body.listed = interface.as_list
            body.returns = {"": [("", refs[id(t)]) for t in interface.outputs]}
            return
        for mode in ("eval", "train"):
            outputs = self.wiring.graph.outputs_of(mode)
            body.returns[mode] = [(name, refs[id(t)]) for name, t in outputs.items()]

    def _entries(self, module: Module) -> list[Entry]:
        entries: list[Entry] = []
        for name, child in module.children.items():
            if self.wiring.hollow(child):
                entries.append(Entry(name, None, Slot(name, [False]), filler=True, block=_block(child)))
            elif (item := self._item(child)) is not None:
                entries.append(Entry(name, item, Slot(name, [True]), block=_block(child)))
        return entries

    def _item(self, child: Node | Module) -> Item | None:
        if isinstance(child, Node):
            return self._layer(child)
        if (call := self.classes.call(child)) is not None:
            return call
        return Space(self._entries(child)) if self.wiring.interface(child) is None else self._chain(child)

    def _layer(self, node: Node) -> Leaf | Text | None:
        form = node.op.torch(*_shapes(node))
        if isinstance(form, TorchModule):
            return self._leaf(node, form)
        return self._text(node, form) if "" in node.weights else None

    def _text(self, node: Node, form: TorchExpression) -> Text:
        self._help(form.helper)
        return text_of(form.template, form.atom, node.name, node.op)

    def _help(self, helper: str | None) -> None:
        if helper is not None:
            name = re.search(r"^(?:class|def) (\w+)", helper, re.MULTILINE)
            assert name is not None, "a helper is a class or a function"
            self.helpers[name[1]] = helper.strip()

    def _leaf(self, node: Node, form: TorchModule) -> Leaf:
        self._help(form.helper)
        args = {name: Slot(f"{node.name}.{name}", [value]) for name, value in form.args.items()}
        if node.op.inplace and not node.op.view:
            args["inplace"] = Slot(f"{node.name}.inplace", [node in self.in_place])
        return Leaf(Slot(node.name, [form.cls]), args, form.positional, [node.op])

    def _chain(self, module: Module) -> Chain:
        numbered = is_numbered(module.children)
        entries: list[Entry] = []
        for name, child in module.children.items():
            if self.wiring.hollow(child):
                entries.append(Entry(name, None, Slot(name, [False]), filler=True, block=_block(child)))
                continue
            if isinstance(child, Node):
                item: Item | None = self._leaf(child, child.op.torch_module(*_shapes(child)))
            else:
                item = self._item(child)
            entries.append(Entry(name, item, Slot(name, [True]), block=_block(child)))
        return Chain(entries, numbered)

    def _step(self, body: Body, unit: Unit, module: Module, refs: dict[int, Ref]) -> None:
        mode = self._mode(unit, module)
        if mode is None:
            return
        child = unit.child
        if self.wiring.hollow(child) and not self._reaches(child, refs):
            return
        if isinstance(child, Node) and "" in child.weights:
            refs[id(child.output)] = Ref("member", unit.key)
            return
        step = self._node_step(unit.key, child, refs) if isinstance(child, Node) else self._call(unit.key, child, refs)
        step.mode = mode
        body.steps.append(step)
        if not step.hollow:
            _give(step, _outputs(self.wiring, child), refs)

    @staticmethod
    def _reaches(child: Node | Module, refs: Mapping[int, Ref]) -> bool:
        """Whether what a hollow child gives is computed at all."""
        return isinstance(child, Module) and isinstance(child.result, Tensor) and id(child.result) in refs

    def _mode(self, unit: Unit, module: Module) -> Literal["", "train", "eval"] | None:
        """In which of the container's modes the child is needed; "" for all, None for none."""
        own = self.wiring.modes(module)
        modes = self.wiring.modes(unit.child)
        if self.wiring.hollow(unit.child) or modes == own:
            return ""
        return next(iter(modes)) if modes else None

    def _node_step(self, key: Key, node: Node, refs: Mapping[int, Ref]) -> Step:
        form = node.op.torch(*_shapes(node))
        expression = self._text(node, form) if isinstance(form, TorchExpression) else None
        names = tuple(node.name for _ in node.outputs) if node.many else None
        arguments: list[Argument] = [refs[id(t)] for t in node.inputs]
        step = Step(key, expression, arguments, names, node.many, "", Slot(node.name, [True]))
        if isinstance(form, TorchExpression) and form.augmented is not None:
            step.augmented, step.overwrites = form.augmented, [node in self.in_place]
        return step

    def _call(self, key: Key, module: Module, refs: Mapping[int, Ref]) -> Step:
        present = Slot(key[-1], [True])
        if self.wiring.hollow(module):
            assert isinstance(module.result, Tensor)
            return Step(key, None, [refs[id(module.result)]], None, False, "", present, hollow=True)
        interface = self.wiring.interface(module)
        assert interface is not None
        arguments: list[Argument] = [
            refs[id(t)] if isinstance(t, Tensor) else tuple(refs[id(i)] for i in t) for t in interface.inputs
        ]
        names = tuple(_name(t, module) for t in interface.outputs) if len(interface.outputs) > 1 else None
        return Step(key, None, arguments, names, interface.as_list, "", present)


def _prune(body: Body) -> None:
    """Leave out steps whose results lead nowhere, as there are in a container that no output needs."""
    needed = {ref.key for refs in body.returns.values() for _, ref in refs}
    kept: list[Step] = []
    for step in reversed(body.steps):
        if step.hollow or step.key in needed:
            kept.append(step)
            needed.update(r.key for a in step.arguments for r in (a if isinstance(a, tuple) else (a,)))
    body.steps = kept[::-1]


def _outputs(wiring: Wiring, child: Node | Module) -> tuple[Tensor, ...]:
    if isinstance(child, Node):
        return child.outputs
    interface = wiring.interface(child)
    assert interface is not None
    return interface.outputs


def _name(tensor: Tensor, module: Module) -> str:
    """What the tensor is called within the module: by the outermost child that gives it."""
    assert tensor.producer is not None
    name, inside = tensor.producer.name, tensor.producer.parent
    while inside is not module and inside.parent is not None:
        if inside.result is tensor:
            name = inside.name
        inside = inside.parent
    return name


def _give(step: Step, outputs: tuple[Tensor, ...], refs: dict[int, Ref]) -> None:
    for i, tensor in enumerate(outputs):
        refs[id(tensor)] = Ref("value", step.key, i if step.results is not None else None)


def _references(inputs: tuple[Tensor | tuple[Tensor, ...], ...]) -> dict[int, Ref]:
    refs: dict[int, Ref] = {}
    for i, given in enumerate(inputs):
        if isinstance(given, Tensor):
            refs[id(given)] = Ref("input", i)
        else:
            refs.update({id(t): Ref("input", i, j) for j, t in enumerate(given)})
    return refs


def _shapes(node: Node) -> list[Shape]:
    return [t.shape for t in node.inputs]


def _block(child: Node | Module) -> str | None:
    return child.block if isinstance(child, Module) else None
