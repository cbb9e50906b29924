"""What a class is written from: the constructor's items, the steps of ``forward``, and slots for values that may vary.

A body is made of one container. Bodies alike are then merged into one, whose slots hold one value for each instance.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from archc.backends._source.expression import Expression
from archc.backends._source.wiring import Key
from archc.graph.graph import Module, Tensor
from archc.ops.base import Op


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()  # the value of a slot in an instance that has no such place


@dataclass(eq=False)
class Slot:
    """A place for a value: ``label`` suggests a name for it, ``values`` has one for each instance of the body."""

    label: str
    values: list[Any]
    expression: Expression | None = None  # how the constructor's parameters give the value; set once they are chosen

    def present(self) -> list[Any]:
        return [v for v in self.values if v is not ABSENT]

    def constant(self) -> bool:
        present = self.present()
        return all(same(v, present[0]) for v in present[1:])


def same(a: object, b: object) -> bool:
    """Equal, and of one kind: 1 is neither 1.0 nor true in a text."""
    return type(a) is type(b) and a == b


@dataclass(eq=False)
class Leaf:
    """A constructor call. ``made_by`` are its ops, one for each instance, which know their defaults."""

    cls: Slot
    args: dict[str, Slot]
    positional: int
    made_by: list[Op | None]


@dataclass(eq=False)
class Text:
    """An expression whose numbers are slots: ``pieces`` stand around them. ``atom``: it needs no brackets."""

    pieces: tuple[str, ...]
    numbers: list[Slot]
    atom: bool = True


@dataclass(eq=False)
class Chain:
    """``nn.Sequential``."""

    entries: list[Entry]
    numbered: bool


@dataclass(eq=False)
class Space:
    """What a dotted name made: children that are called from around it."""

    entries: list[Entry]


Item = Leaf | Text | Chain | Space


@dataclass(eq=False)
class Entry:
    """A named child. ``filler``: where it is not present an ``nn.Identity`` stands for it. No item: it never is."""

    name: str
    item: Item | None
    present: Slot
    filler: bool = False
    block: str | None = None


@dataclass(frozen=True)
class Ref:
    """A tensor in ``forward``: an input by its place, the value of a child, or a child that is itself a parameter."""

    kind: Literal["input", "value", "member"]
    key: Key | int
    index: int | None = None


Argument = Ref | tuple[Ref, ...]


@dataclass(eq=False)
class Step:
    """A call of a child, or an expression. ``otherwise`` is what stands for its value in instances without the step."""

    key: Key
    expression: Text | None
    arguments: list[Argument]
    results: tuple[str, ...] | None  # names of several results; None for one
    listed: bool  # the results come as one list
    mode: Literal["", "train", "eval"]
    present: Slot
    otherwise: Ref | None = None
    hollow: bool = False  # gives its input, in all instances
    augmented: str | None = None  # the statement that leaves the result in the first argument
    overwrites: list[bool] = field(default_factory=list[bool])  # whether that may be done, where the step is there

    @property
    def in_place(self) -> bool:
        return self.augmented is not None and all(self.overwrites)

    @property
    def count(self) -> int | None:
        """Number of results; None for a single tensor."""
        return None if self.results is None else len(self.results)


@dataclass(eq=False)
class Body:
    """A class to be written: of one container, or of all that are alike."""

    modules: list[Module]
    entries: list[Entry]
    chain: Chain | None  # a class that is an nn.Sequential and needs no forward
    inputs: list[list[Tensor | tuple[Tensor, ...]]]  # of each instance
    steps: list[Step] = field(default_factory=list[Step])
    returns: dict[str, list[tuple[str, Ref]]] = field(default_factory=dict[str, list[tuple[str, Ref]]])
    listed: bool = False  # gives its results as a list
    bare: bool = False  # a namespace that must be a class; it has no forward

    @property
    def size(self) -> int:
        return len(self.modules)


_NUMBER = re.compile(r"\{\d+\}|(?<![\w.])\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.])")


def text_of(template: str, atom: bool, label: str, op: Op) -> Text:
    """An op's expression with its numbers taken out, each labelled by the op's argument of that value."""
    pieces, numbers, start = [""], list[Slot](), 0
    named = {repr(getattr(op, a.name)): a.name for a in op.signature().arguments}
    for match in _NUMBER.finditer(template):
        pieces[-1] += template[start : match.start()]
        start = match.end()
        if match.group().startswith("{"):
            pieces[-1] += match.group()
        else:
            number = match.group()
            value = int(number) if number.isdigit() else float(number)
            numbers.append(Slot(f"{label}.{named.get(repr(value), 'size')}", [value]))
            pieces.append("")
    pieces[-1] += template[start:]
    return Text(tuple(pieces), numbers, atom)


def slots_of_item(item: Item | None) -> Iterator[Slot]:
    if isinstance(item, Leaf):
        yield item.cls
        yield from item.args.values()
    elif isinstance(item, Text):
        yield from item.numbers
    elif item is not None:
        yield from slots_of_entries(item.entries)


def slots_of_entries(entries: Sequence[Entry]) -> Iterator[Slot]:
    for entry in entries:
        yield entry.present
        yield from slots_of_item(entry.item)


def slots_of_steps(steps: Sequence[Step]) -> Iterator[Slot]:
    for step in steps:
        yield step.present
        yield from slots_of_item(step.expression)


def slots(body: Body) -> Iterator[Slot]:
    """All slots of a body, in the order in which they are written."""
    yield from slots_of_entries(body.entries)
    yield from slots_of_steps(body.steps)


def leaves(entries: Sequence[Entry]) -> Iterator[Leaf]:
    for entry in entries:
        if isinstance(entry.item, Leaf):
            yield entry.item
        elif isinstance(entry.item, Chain | Space):
            yield from leaves(entry.item.entries)


def skeleton(body: Body) -> object:
    """Everything of a body but the values in its slots; bodies of one skeleton merge place by place."""
    steps = tuple(
        (s.key, _shape(s.expression), tuple(s.arguments), s.count, s.listed, s.mode, s.otherwise, s.hollow)
        for s in body.steps
    )
    inputs = tuple(len(i) if isinstance(i, tuple) else None for i in body.inputs[0])
    returns = tuple((mode, tuple(refs)) for mode, refs in body.returns.items())
    numbered = body.chain is not None
    return numbered, _shapes(body.entries), inputs, steps, returns, body.listed, body.bare


def _shapes(entries: Sequence[Entry]) -> tuple[object, ...]:
    return tuple((e.name, e.filler, _shape(e.item)) for e in entries)


def _shape(item: Item | None) -> object:
    match item:
        case Leaf():
            cls = item.cls.values[0]
            return "leaf", cls if isinstance(cls, str) else id(cls), tuple(item.args), item.positional
        case Text():
            return "text", item.pieces, item.atom
        case Chain():
            return "chain", item.numbered, _shapes(item.entries)
        case Space():
            return "space", _shapes(item.entries)
        case None:
            return None
