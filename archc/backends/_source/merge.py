"""Making one body of two: of the same skeleton place by place, of like skeletons with optional children and steps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

from archc.backends._source.align import align
from archc.backends._source.steps import UnmergeableError, merge_steps
from archc.backends._source.template import (
    ABSENT,
    Body,
    Chain,
    Entry,
    Item,
    Leaf,
    Slot,
    Space,
    Text,
    leaves,
    same,
    slots,
)
from archc.ops.kinds import compact


def absorb(body: Body, other: Body) -> None:
    """Take the instances of a body of the same skeleton into this one."""
    for slot, more in zip(slots(body), slots(other), strict=True):
        slot.values += more.values
    for leaf, more in zip(leaves(body.entries), leaves(other.entries), strict=True):
        leaf.made_by += more.made_by
    for step, also in zip(body.steps, other.steps, strict=True):
        step.overwrites += also.overwrites
    body.modules += other.modules
    body.inputs += other.inputs


def merge(a: Body, b: Body) -> Body:
    """One body for the instances of both. Raises UnmergeableError; then neither is changed in what it means."""
    if a.bare != b.bare or a.listed != b.listed or (a.chain is None) != (b.chain is None):
        raise UnmergeableError
    if [_kind(i) for i in a.inputs[0]] != [_kind(i) for i in b.inputs[0]]:
        raise UnmergeableError
    modules, inputs = a.modules + b.modules, a.inputs + b.inputs
    if a.chain is not None and b.chain is not None:
        chain = _chains(a.chain, b.chain, a.size, b.size)
        return Body(modules, chain.entries, chain, inputs)
    entries = _named(a.entries, b.entries, a.size, b.size)
    steps, returns = merge_steps(a, b, _join_texts)
    return Body(modules, entries, None, inputs, steps, returns, a.listed, a.bare)


def _kind(given: object) -> int:
    return len(given) if isinstance(given, tuple) else -1  # pyright: ignore[reportUnknownArgumentType]


def _items(a: Item | None, b: Item | None, n: int, m: int) -> Item | None:
    if a is None or b is None:
        return _padded(a, 0, m) if b is None else _padded(b, n, 0)
    match a, b:
        case Leaf(), Leaf():
            return _leaves(a, b, n, m)
        case Text(), Text():
            return _join_texts(a, b)
        case Chain(), Chain():
            return _chains(a, b, n, m)
        case Space(), Space():
            return Space(_named(a.entries, b.entries, n, m))
        case _:
            raise UnmergeableError


def _join_texts(a: Text, b: Text) -> Text:
    if a.pieces != b.pieces:
        raise UnmergeableError
    numbers = [Slot(s.label, s.values + t.values) for s, t in zip(a.numbers, b.numbers, strict=True)]
    return Text(a.pieces, numbers, a.atom)


def _leaves(a: Leaf, b: Leaf, n: int, m: int) -> Leaf:
    classes = a.cls.values + b.cls.values
    present = [c for c in classes if c is not ABSENT]
    if not all(same_class(c, present[0]) for c in present) and not all(isinstance(c, str) for c in present):
        raise UnmergeableError
    names = [*a.args, *(name for name in b.args if name not in a.args)]
    args: dict[str, Slot] = {}
    for name in names:
        label = (a.args.get(name) or b.args[name]).label
        args[name] = Slot(label, _values(a, name, n) + _values(b, name, m))
    return Leaf(
        Slot(a.cls.label, classes), _ordered(args, a, b), min(a.positional, b.positional), a.made_by + b.made_by
    )


def same_class(a: Any, b: Any) -> bool:
    return a is b or (isinstance(a, str) and a == b)


def _ordered(args: dict[str, Slot], a: Leaf, b: Leaf) -> dict[str, Slot]:
    """The arguments in the order of the op's own, so that what may stand without a name stays in its place."""
    op = next((o for o in (*a.made_by, *b.made_by) if o is not None), None)
    order = [] if op is None else [*(argument.name for argument in op.signature().arguments), "inplace"]
    return dict(sorted(args.items(), key=lambda pair: order.index(pair[0]) if pair[0] in order else -1))


def _values(leaf: Leaf, name: str, size: int) -> list[Any]:
    """The argument's values; where it is not written, the default of the op, in each instance."""
    if name in leaf.args:
        return leaf.args[name].values
    return [
        ABSENT if cls is ABSENT or cls == "nn.Identity" else _default(op, name)
        for op, cls in zip(leaf.made_by, leaf.cls.values, strict=True)
    ][:size]


def _default(op: Any, name: str) -> Any:
    if name == "inplace":
        return False
    if op is None or name not in {argument.name for argument in op.signature().arguments}:
        raise UnmergeableError
    value = getattr(op, name)
    return compact(cast(tuple[int, ...], value)) if isinstance(value, tuple) else value


def _chains(a: Chain, b: Chain, n: int, m: int) -> Chain:
    if a.numbered and b.numbered:
        pairs = align(a.entries, b.entries, _likeness)
        if any(_replaced(before, after) for before, after in pairwise(pairs)):
            raise UnmergeableError
        return Chain(_renumbered([_entries(x, y, n, m) for x, y in pairs]), numbered=True)
    if a.numbered != b.numbered:
        raise UnmergeableError
    return Chain(_named(a.entries, b.entries, n, m), numbered=False)


def _replaced(before: tuple[Entry | None, ...], after: tuple[Entry | None, ...]) -> bool:
    """Whether one has this child where the other has that: these are alternatives, and neither is optional."""
    return None in before and None in after and (before[0] is None) != (after[0] is None)


def _renumbered(entries: list[Entry]) -> list[Entry]:
    for i, entry in enumerate(entries):
        entry.name = str(i)
    return entries


def _likeness(a: Entry, b: Entry) -> float:
    """How well two numbered children go together; 0 if they can't be one."""
    x, y = a.item, b.item
    if x is None or y is None:
        return 0.5
    if isinstance(x, Leaf) and isinstance(y, Leaf):
        if not same_class(_first(x.cls), _first(y.cls)):
            plain = x.args.keys() == y.args.keys() and isinstance(_first(x.cls), str) and isinstance(_first(y.cls), str)
            return 0.4 if plain or "nn.Identity" in (_first(x.cls), _first(y.cls)) else 0.0
        equal = sum(
            same(_first(x.args[k]), _first(y.args[k])) if k in y.args and k in x.args else 0 for k in {*x.args, *y.args}
        )
        return 1.0 + equal / (1 + len({*x.args, *y.args}))
    return 1.0 if type(x) is type(y) else 0.0


def _first(slot: Slot) -> Any:
    present = slot.present()
    return present[0] if present else ABSENT


def _named(a: Sequence[Entry], b: Sequence[Entry], n: int, m: int) -> list[Entry]:
    """Children joined by name, in an order that is that of both."""
    in_a, in_b = {e.name: e for e in a}, {e.name: e for e in b}
    shared = [e.name for e in a if e.name in in_b]
    if shared != [e.name for e in b if e.name in in_a]:
        raise UnmergeableError
    order: list[str] = []
    rest = [e.name for e in b]
    for entry in a:
        if entry.name in in_b:
            until = rest.index(entry.name)
            order += rest[:until]
            rest = rest[until + 1 :]
        order.append(entry.name)
    return [_entries(in_a.get(name), in_b.get(name), n, m) for name in (*order, *rest)]


def _entries(a: Entry | None, b: Entry | None, n: int, m: int) -> Entry:
    some = a or b
    assert some is not None
    item = _items(a.item if a else None, b.item if b else None, n, m)
    present = (a.present.values if a else [False] * n) + (b.present.values if b else [False] * m)
    filler = (a is not None and a.filler) or (b is not None and b.filler)
    if filler and (a is None or b is None):
        raise UnmergeableError
    block = (a.block if a else None) or (b.block if b else None)
    return Entry(some.name, item, Slot(some.present.label, present), filler, block)


def _padded(item: Item | None, before: int, after: int) -> Item | None:
    """The item with instances, before and after its own, in which it is absent."""

    def padded(slot: Slot) -> Slot:
        return Slot(slot.label, [ABSENT] * before + slot.values + [ABSENT] * after)

    def within(entries: list[Entry]) -> list[Entry]:
        return [Entry(e.name, _padded(e.item, before, after), padded(e.present), e.filler, e.block) for e in entries]

    match item:
        case None:
            return None
        case Leaf():
            made_by = [None] * before + item.made_by + [None] * after
            return Leaf(padded(item.cls), {k: padded(s) for k, s in item.args.items()}, item.positional, made_by)
        case Text():
            return Text(item.pieces, [padded(s) for s in item.numbers], item.atom)
        case Chain():
            return Chain(within(item.entries), item.numbered)
        case Space():
            return Space(within(item.entries))
