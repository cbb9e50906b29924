"""Choosing a class's constructor parameters: what varies between instances becomes a parameter, or follows from one.

This is anti-unification: each slot is a vector of values, one for each instance. Equal vectors share a parameter, and
the block's own parameters and ``in_channels`` are preferred to new ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from archc.backends._source.arithmetic import combine, test
from archc.backends._source.expression import Binary, ClassName, Expression, Item, Literal, Name, names_in, substitute
from archc.backends._source.names import fresh, local
from archc.backends._source.template import ABSENT, Body, Entry, Slot, leaves, same, slots
from archc.graph.graph import Tensor

Values = list[Any]
_OFTEN = 3


@dataclass(eq=False)
class Parameter:
    """A constructor parameter and its value in each instance."""

    name: str
    values: Values
    default: Any = ABSENT
    flag: bool = False  # given by name only

    @property
    def annotation(self) -> str:
        kinds = dict.fromkeys(_annotation(v) for v in self.values if v is not ABSENT)
        return " | ".join(sorted(kinds, key=lambda k: (k == "None", "[" in k)))


def _annotation(value: Any) -> str:
    if isinstance(value, ClassName):
        return "type[nn.Module]"
    if isinstance(value, tuple):
        items = cast(tuple[Any, ...], value)
        return f"tuple[{', '.join(_annotation(v) for v in items) or '()'}]"
    return "None" if value is None else type(value).__name__


def fits(wanted: Sequence[Any], given: Sequence[Any]) -> bool:
    """Whether ``given`` has the wanted values; an absent one fits any."""
    return all(w is ABSENT or same(w, g) for w, g in zip(wanted, given, strict=True))


class Chooser:
    """Chooses the parameters of one body and sets the expression of each of its slots."""

    def __init__(self, body: Body, settings: Sequence[dict[str, Any]], taken: frozenset[str]) -> None:
        self.body, self.taken = body, taken
        self.size = body.size
        self.chosen: dict[str, Parameter] = {}
        self.derived: list[tuple[Expression, Values]] = []
        self.locals: dict[str, Expression] = {}
        self.candidates = self._candidates(settings)
        self.block_names = {name for module in body.modules for name in module.arguments} | {"in_channels"}

    def choose(self) -> list[Parameter]:
        """The parameters in the order of the signature."""
        flags = {id(s) for s in _presence(self.body)}
        named = {id(leaf.cls) for leaf in leaves(self.body.entries)}
        varying: list[Slot] = []
        for slot in slots(self.body):
            if slot.constant():
                present = slot.present()
                slot.expression = Literal(present[0]) if present else Literal(None)
            else:
                varying.append(slot)
        for slot in sorted((s for s in varying if id(s) in named), key=lambda s: ABSENT in s.values):
            self._choose_class(slot)
        values = [s for s in varying if id(s) not in flags and id(s) not in named]
        everywhere = [s for s in values if ABSENT not in s.values]
        self._choose_values(everywhere)
        self._choose_values([s for s in values if s not in everywhere])
        for slot in varying:
            if id(slot) in flags:
                slot.expression = self._flag(slot)
        self._prefer_parameters()
        self._name_repeated(s for s in values)
        return self._ordered()

    def _choose_values(self, wanted: list[Slot]) -> None:
        for find in (self._equal, self._element, self._again, self._follows, self._new):
            for slot in wanted:
                if slot.expression is None:
                    slot.expression = find(slot)
                    if isinstance(slot.expression, Binary) and ABSENT not in slot.values:
                        self.derived.append((slot.expression, slot.values))

    def _again(self, slot: Slot) -> Expression | None:
        """As another place of the class says it already."""
        return next((e for e, values in self.derived if fits(slot.values, values)), None)

    def _prefer_parameters(self) -> None:
        """Where an optional child needs one value, say the parameter of that name if it always has it."""
        for slot in slots(self.body):
            parameter = self.chosen.get(slot.label.rpartition(".")[2])
            if parameter is None or ABSENT not in slot.values or not slot.present():
                continue
            if isinstance(slot.expression, Literal) and fits(slot.values, parameter.values):
                slot.expression = Name(parameter.name)

    def _name_repeated(self, wanted: Iterable[Slot]) -> None:
        """Give a local name to arithmetic that would stand in the text three times or more."""
        found: dict[Expression, list[Slot]] = {}
        for slot in wanted:
            if isinstance(slot.expression, Binary):
                found.setdefault(slot.expression, []).append(slot)
        gives = [_channels(m.result) for m in self.body.modules]
        for expression, alike in found.items():
            if len(alike) >= _OFTEN:
                given = all(fits(s.values, gives) for s in alike)
                name = fresh(
                    "out_channels" if given else "hidden", self.taken | self.chosen.keys() | self.locals.keys()
                )
                self.locals[name] = expression
                for slot in alike:
                    slot.expression = Name(name)

    def _candidates(self, settings: Sequence[dict[str, Any]]) -> dict[str, Values]:
        """Name → values that could become a parameter, the most natural first."""
        found: dict[str, Values] = {}
        channels = [_channels(i[0]) if i else ABSENT for i in self.body.inputs]
        if ABSENT not in channels and self.body.modules[0].kind != "root":
            found["in_channels"] = channels
        for source in ([m.arguments for m in self.body.modules], settings):
            for name in dict.fromkeys(n for given in source for n in given):
                values = [_plain(given.get(name, ABSENT)) for given in source]
                sizes = {_length(v) for v in values if v is not ABSENT}
                if len(sizes) == 1:
                    found.setdefault(name, filled(values))
        return found

    def _take(self, name: str, values: Values, *, flag: bool = False) -> Name:
        wanted = local(name) or "value"
        written = fresh(wanted, self.taken | self.chosen.keys())
        self.chosen[written] = Parameter(written, values, flag=flag)
        return Name(written)

    def _taken_as(self, name: str) -> Name:
        """The candidate of that name, as a parameter."""
        for parameter in self.chosen.values():
            if parameter.values is self.candidates[name]:
                return Name(parameter.name)
        return self._take(name, self.candidates[name])

    def _equal(self, slot: Slot) -> Expression | None:
        for name, values in self.candidates.items():
            if fits(slot.values, values):
                return self._taken_as(name)
        return None

    def _element(self, slot: Slot) -> Expression | None:
        """An element of one of the block's lists."""
        for name, values in self.candidates.items():
            if not all(isinstance(v, tuple) for v in values):
                continue
            for i in range(len(values[0])):
                if fits(slot.values, [v[i] for v in values]):
                    return Item(self._taken_as(name).name, i)
        return None

    def _follows(self, slot: Slot) -> Expression | None:
        """From the parameters chosen so far; failing that, from the block's own."""
        if (found := self._from_chosen(slot)) is not None:
            return found
        numbers = {n: v for n, v in self.candidates.items() if n in self.block_names}
        result = combine(slot.values, numbers)
        if result is None:
            return None
        return substitute(result, {name: self._taken_as(name) for name in sorted(names_in(result))})

    def _from_chosen(self, slot: Slot) -> Expression | None:
        for parameter in self.chosen.values():
            if fits(slot.values, parameter.values):
                return Name(parameter.name)
        return combine(slot.values, {p.name: p.values for p in self._by_rank() if not p.flag})

    def _by_rank(self) -> list[Parameter]:
        """The parameters so far, those of the block first."""
        rank = {id(values): i for i, values in enumerate(self.candidates.values())}
        return sorted(self.chosen.values(), key=lambda p: rank.get(id(p.values), len(rank)))

    def _new(self, slot: Slot) -> Expression:
        if (found := self._from_chosen(slot)) is not None:
            return found
        present = slot.present()
        if len(present) < len(slot.values) and all(type(v) in (int, float) and v > 0 for v in present):
            nothing = type(present[0])(0)
            name = self._take(self._label(slot), [nothing if v is ABSENT else v for v in slot.values])
            self.chosen[name.name].default = nothing
            return name
        return self._take(self._label(slot), filled(slot.values))

    def _label(self, slot: Slot) -> str:
        """The argument's name; with that of the child before it where another slot of the class has the same."""
        child, _, argument = slot.label.rpartition(".")
        alike = [s for s in slots(self.body) if s.label.rpartition(".")[2] == argument and not s.constant()]
        if not child or local(child) is None or all(fits(s.values, slot.values) for s in alike):
            return argument
        return f"{child}_{argument}"

    def _flag(self, slot: Slot) -> Expression:
        """A truth: whether an optional child or step is there."""
        for parameter in self.chosen.values():
            if parameter.default is not ABSENT and fits(slot.values, [bool(v) for v in parameter.values]):
                return Name(parameter.name)
        for name, values in self.candidates.items():
            if fits(slot.values, values):
                return self._taken_as(name)
        for parameter in self.chosen.values():
            if fits(slot.values, parameter.values) or _tells(parameter, slot.values):
                return Name(parameter.name)
        own = {p.name: p.values for p in self._by_rank() if not p.flag}
        natural = {n: v for n, v in own.items() if any(v is self.candidates.get(c) for c in self.block_names)}
        if (found := test(slot.values, natural)) is not None:
            return found
        return self._take(slot.label, filled(slot.values), flag=True)

    def _choose_class(self, slot: Slot) -> None:
        values = [v if v is ABSENT else ClassName(v) for v in slot.values]
        for parameter in self.chosen.values():
            if fits(values, parameter.values):
                slot.expression = Name(parameter.name)
                return
        if ABSENT in values:
            values = [None if v is ABSENT else v for v in values]
        slot.expression = self._take(self._class_label(slot), values)

    def _class_label(self, slot: Slot) -> str:
        """The block's parameter that takes a layer and varies as the class does."""
        for name in dict.fromkeys(n for m in self.body.modules for n in m.arguments):
            given = [repr(m.arguments.get(name)) for m in self.body.modules]
            pairs = {(g, v) for g, v in zip(given, slot.values, strict=True) if v is not ABSENT}
            if len(pairs) == len({g for g, _ in pairs}) == len({v for _, v in pairs}):
                return name
        return "layer" if local(slot.label) is None else slot.label

    def _ordered(self) -> list[Parameter]:
        found = self._by_rank()
        root = self.body.modules[0].kind == "root"
        for parameter in found:
            if parameter.default is ABSENT:
                parameter.default = parameter.values[0] if root else _default(parameter)
        return sorted(found, key=lambda p: (p.flag, p.default is not ABSENT))


def settle_in_place(body: Body) -> None:
    """A class works in place only where all of its instances may."""
    for leaf in leaves(body.entries):
        slot = leaf.args.get("inplace")
        if slot is not None and not all(slot.present()):
            del leaf.args["inplace"]
        elif slot is not None:
            slot.values = [v if v is ABSENT else True for v in slot.values]


def _tells(parameter: Parameter, present: Values) -> bool:
    """Whether the parameter is 0 or None in just the instances that lack an optional child."""
    values = parameter.values
    counts = all(type(v) is int for v in values)
    classes = all(v is None or isinstance(v, ClassName) for v in values)
    return (counts or classes) and fits(present, [bool(v) for v in values])


def _presence(body: Body) -> list[Slot]:
    def within(entries: Sequence[Entry]) -> Iterable[Slot]:
        for entry in entries:
            yield entry.present
            yield from within(getattr(entry.item, "entries", ()))

    return [*within(body.entries), *(s.present for s in body.steps)]


def _channels(given: object) -> Any:
    """The channels of a tensor with a batch; ABSENT of anything else."""
    return given.shape.channels if isinstance(given, Tensor) and given.shape.batched else ABSENT


def _length(value: Any) -> int:
    return len(cast(tuple[Any, ...], value)) if isinstance(value, tuple) else -1


def _plain(value: Any) -> Any:
    """A value that can be written, or ABSENT."""
    if isinstance(value, list | tuple):
        items = tuple(cast(Sequence[Any], value))
        return items if items and all(isinstance(v, bool | int | float | str) for v in items) else ABSENT
    return value if isinstance(value, bool | int | float | str) else ABSENT


def filled(values: Values) -> Values:
    """The values with the most common one where there is none."""
    common = _most_common(values)
    return [common if v is ABSENT else v for v in values]


def _most_common(values: Values) -> Any:
    present = [v for v in values if v is not ABSENT]
    (key, _), *_ = Counter(repr(v) for v in present).most_common(1)
    return next(v for v in present if repr(v) == key)


def _default(parameter: Parameter) -> Any:
    """The value that a parameter has unless it is given: that of most instances, where it is a usual one."""
    common = _most_common(parameter.values)
    count = sum(same(v, common) for v in parameter.values)
    usual = parameter.flag or isinstance(common, bool | str | ClassName) or common in (0, 1, None)
    if usual and (2 * count > len(parameter.values) or (parameter.flag and common is False)):
        return common
    return False if parameter.flag else ABSENT
