"""The text of ``forward``: steps in the spec's order, calls nested while lines stay short, names from the spec."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from archc.backends._source.expression import quoted
from archc.backends._source.names import fresh, local
from archc.backends._source.template import Body, Chain, Entry, Item, Leaf, Ref, Slot, Space, Step, Text
from archc.backends._source.usage import Place, Usage, place_of, refs_of
from archc.backends._source.wiring import Key
from archc.graph.graph import Tensor
from archc.graph.memory.statements import NESTED, NESTED_TO_ACTIVATION

WIDTH = 96
_INDENT = "    "


@dataclass(eq=False)
class _Value:
    """A tensor, or several: a variable, or an expression that is still to be written."""

    step: Step | None
    text: str
    atom: bool = True
    variable: bool = True
    reads: frozenset[str] = frozenset()  # the variables in the expression
    depth: int = 0  # of its nested calls
    rounded: bool = False  # ends in an activation, after which a line may well end


class Forward:
    """Writes the body of one ``forward``. ``access`` gives the text of a child, ``number`` that of a varying number."""

    def __init__(
        self,
        body: Body,
        inputs: Sequence[str],
        access: Callable[[Key], str],
        number: Callable[[Slot], str],
        flag: Callable[[Slot], str],
    ) -> None:
        self.body, self.access, self.number, self.flag = body, access, number, flag
        self.activations = {(e.name,) for e in body.entries if _is_activation(e.item)}
        self.containers = frozenset(_containers(body.entries))
        self.arguments = frozenset(inputs)  # the variables that still are what the caller gave, and holds anyway
        self.values: dict[Place, _Value] = {("input", i): _Value(None, name) for i, name in enumerate(inputs)}
        self.held: dict[Place, _Value] = dict(self.values)  # variables that are still to be read
        self.first = inputs[0] if inputs and isinstance(body.inputs[0][0], Tensor) else "y"
        self.pending: list[Place] = []  # in the order in which they are computed
        self.targets: dict[Place, str] = {}  # variables that a value must be put into, where it has a stand-in
        self.into: str | None = None  # the one that the steps under way lead to
        self.lines: list[str] = []
        self.depth = 0
        self.usage = Usage(body)
        self.uses = Counter(self.usage.total)  # that are still to come

    def write(self) -> list[str]:
        """The statements, each on one line, indented among themselves."""
        steps, ends = self._split_end()
        for (mode, flag), run in groupby(steps, key=self._guard):
            self._run(mode, flag, list(run))
        self._finish(ends)
        return self.lines

    def _used(self, place: Place) -> None:
        self.uses[place] -= 1
        if self.uses[place] <= 0:
            self.held.pop(place, None)

    @staticmethod
    def _guard(step: Step) -> tuple[str, tuple[bool, ...] | None]:
        return step.mode, None if step.present.constant() else tuple(step.present.values)

    def _split_end(self) -> tuple[list[Step], dict[str, list[Step]]]:
        """The steps at the end that serve one mode only go with that mode's return."""
        steps = list(self.body.steps)
        ends: dict[str, list[Step]] = {"train": [], "eval": []}
        if len(self.body.returns) == 2 and not self.usage.one_return:
            while steps and steps[-1].mode and steps[-1].present.constant():
                ends[steps[-1].mode].insert(0, steps.pop())
        return steps, ends

    # runs of steps

    def _run(self, mode: str, flag: object, steps: list[Step]) -> None:
        if not mode and flag is None:
            for step in steps:
                self._step(step)
            return
        self._flush()
        conditions = [{"train": "self.training", "eval": "not self.training"}[mode]] if mode else []
        if flag is not None:
            conditions.append(self.flag(steps[0].present))
        self._guarded(" and ".join(conditions), steps)

    def _guarded(self, condition: str, steps: list[Step]) -> None:
        """Steps under an ``if``; values that have a stand-in overwrite its variable, or a copy of it."""
        for step in steps:
            if step.otherwise is not None:
                self.targets["value", step.key] = self._target(step, steps)
        self.into = self.targets.get(("value", steps[-1].key))
        before = len(self.lines)
        self.depth += 1
        for step in steps:
            self._step(step)
            if ("value", step.key) in self.targets and step is not steps[-1]:
                self._flush()
        if (single := self._conditional(steps, before)) is not None:
            self.depth -= 1
            self.into = None
            self._as_conditional(single, condition, self.targets[single])
            return
        self._flush()
        self.into = None
        self.depth -= 1
        body = self.lines[before:]
        self.lines[before:] = [f"{_INDENT * self.depth}if {condition}:", *body]

    def _target(self, step: Step, steps: list[Step]) -> str:
        """The variable that holds the stand-in, and then the step's value."""
        assert step.otherwise is not None
        place = place_of(step.otherwise)
        stand_in = self.values[place]
        within = sum(place_of(r) == place for s in steps for r in refs_of(s))
        if self.uses[place] == within + 1 and step.otherwise.index is None and step is steps[-1]:
            self.uses[place] -= 1
            return stand_in.text
        name = self._fresh(local(_named(step.key)) or "y")
        self.lines.append(f"{_INDENT * self.depth}{name} = {self._read(step.otherwise)}")
        self._used(place)
        return name

    def _conditional(self, steps: list[Step], before: int) -> Place | None:
        """The one value of the run, if nothing was written for it and the only thing left is to return it."""
        place: Place = ("value", steps[-1].key)
        if len(self.lines) != before or self.pending != [place] or place not in self.targets:
            return None
        returned = self.usage.returned()
        alone = steps[-1] is self.body.steps[-1] and len(returned) == 1
        if not alone or [place_of(r) for r in returned[0]] != [place] or len(self.values[place].text) > WIDTH - 30:
            return None
        return place

    def _as_conditional(self, place: Place, condition: str, otherwise: str) -> None:
        value = self.values[place]
        value.text = f"{value.text} if {condition} else {otherwise}"
        value.atom = False

    # one step

    def _step(self, step: Step) -> None:
        place: Place = ("value", step.key)
        refs = refs_of(step)
        if step.in_place and refs[0].kind != "member" and refs[0].index is None:
            self._augment(step, *refs)
            return
        needed = list(dict.fromkeys(p for r in refs if (p := place_of(r)) in self.pending))
        if needed:
            in_order = self.pending[len(self.pending) - len(needed) :] == needed
            if not in_order or self._too_long(step, needed) or self._holds(step, needed):
                self._flush()
            else:
                del self.pending[len(self.pending) - len(needed) :]
        text, reads = self._text(step), self._reads(refs)
        for ref in refs:
            self._used(place_of(ref))
        atom = step.expression is None or step.expression.atom
        value = _Value(step, text, atom, variable=False, reads=reads, rounded=step.key in self.activations)
        value.depth = 1 + max((v.depth for r in refs if (v := self.values.get(place_of(r)))), default=0)
        self.values[place] = value
        self.pending.append(place)
        if self.usage.total[place] != 1 or step.results is not None:
            self._flush()

    def _augment(self, step: Step, first: Ref, other: Ref) -> None:
        """``y += …``: the result lies where the first argument lay."""
        assert step.augmented is not None
        inline = len(self.pending) > 1 and self.pending[-1] == place_of(other)
        inline = inline or (place_of(first) not in self.pending and self.pending == [place_of(other)])
        self._flush(keep=int(inline))
        name = self._read(first)
        self.lines.append(_INDENT * self.depth + step.augmented.format(name, self._read(other, bare=True)))
        self.pending.clear()
        self._used(place_of(first))
        self._used(place_of(other))
        place: Place = ("value", step.key)
        target = self.targets.get(place, name)
        if target != name:
            self.lines.append(f"{_INDENT * self.depth}{target} = {name}")
        self.values[place] = self.held[place] = _Value(step, target)

    def _too_long(self, step: Step, needed: list[Place]) -> bool:
        """Whether a line with the step in it would be too wide, or nest too many calls."""
        deepest = max((self.values[p] for p in needed), key=lambda v: v.depth)
        if deepest.depth >= (NESTED_TO_ACTIVATION if deepest.rounded else NESTED):
            return True
        return len(self._text(step)) + len(_INDENT) * (self.depth + 2) > WIDTH

    def _holds(self, step: Step, needed: list[Place]) -> bool:
        """Whether a whole container would run while a map is held that a line of its own would have let go.

        ``x = self.layer2(self.layer1(x))`` keeps the old x in memory until layer2 is through.
        """
        if step.key not in self.containers:
            return False
        wanted = {name for value in self.held.values() for name in value.text.split(", ")}
        wanted.update(*(self.values[p].reads for p in self.pending if p not in needed))
        name = self.first if self.first not in wanted else "y"
        overwritten = {name} - wanted - self.arguments
        return any(self.usage.passed_on(p) and self.values[p].reads & overwritten for p in needed)

    def _reads(self, refs: Sequence[Ref]) -> frozenset[str]:
        names: set[str] = set()
        for value in (self.values.get(place_of(r)) for r in refs):
            if value is not None:
                names |= set(value.text.split(", ")) if value.variable else value.reads
        return frozenset(names)

    def _text(self, step: Step) -> str:
        if step.expression is not None:
            template = self._expression(step.expression)
            arguments = [self._read(a, bare=_bare(template, i)) for i, a in enumerate(refs_of(step))]
            return template.format(*arguments)
        arguments = [
            self._read(a, bare=True) if isinstance(a, Ref) else f"[{', '.join(self._read(r, bare=True) for r in a)}]"
            for a in step.arguments
        ]
        return f"{self.access(step.key)}({', '.join(arguments)})"

    def _expression(self, text: Text) -> str:
        numbers = [self.number(s) for s in text.numbers]
        return "".join(p + n for p, n in zip(text.pieces, [*numbers, ""], strict=True))

    def _read(self, ref: Ref, *, bare: bool = False) -> str:
        """The text of a tensor; ``bare`` where no operator stands beside it."""
        if ref.kind == "member":
            assert isinstance(ref.key, tuple)
            return self.access(ref.key)
        value = self.values[place_of(ref)]
        if ref.index is not None:
            names = value.text.split(", ")
            return f"{value.text}[{ref.index}]" if len(names) == 1 else names[ref.index]
        return value.text if value.atom or bare else f"({value.text})"

    # variables

    def _flush(self, keep: int = 0) -> None:
        """Give every pending value but the last ``keep`` a variable, in the order in which they were computed."""
        while len(self.pending) > keep:
            place = self.pending.pop(0)
            value = self.values[place]
            if self.usage.total[place] == 0:
                self.lines.append(f"{_INDENT * self.depth}{value.text}")
                continue
            name = self.targets.get(place) or self._variable(place, value)
            self.lines.append(f"{_INDENT * self.depth}{name} = {value.text}")
            self.arguments -= set(name.split(", "))
            value.text, value.atom, value.variable, value.depth = name, True, True, 0
            self.held[place] = value

    def _variable(self, place: Place, value: _Value) -> str:
        step = value.step
        assert step is not None
        if step.results is not None and not step.listed:
            return self._unpacked(step.results)
        passed_on = self.usage.passed_on(place) or place in self.usage.accumulated
        if place not in self.usage.wanted and passed_on:
            return self._passing()
        wanted = local(self.usage.wanted.get(place) or _named(step.key))
        return self._passing() if wanted is None else self._fresh(wanted)

    def _passing(self) -> str:
        """A name for what is read once, in the next line or so: that of the first input, or y while it is needed.

        Under an ``if`` that leads to a variable, it is that one as soon as what it held is read.
        """
        live = self._live()
        if self.into is not None and self.into not in live:
            return self.into
        return self.first if self.first not in live else fresh("y", live)

    def _unpacked(self, names: Iterable[str]) -> str:
        chosen: list[str] = []
        for name in names:
            chosen.append(fresh(local(name) or "y", {*self._live(), *chosen}))
        return ", ".join(chosen)

    def _fresh(self, name: str) -> str:
        return fresh(name, self._live())

    def _live(self) -> set[str]:
        """Variables that are still to be read."""
        live = {name for value in self.held.values() for name in value.text.split(", ")}
        return live.union(*(self.values[p].reads for p in self.pending))

    # the end

    def _finish(self, ends: dict[str, list[Step]]) -> None:
        returns = self.body.returns
        if not any(returns.values()):
            self._flush()
            return
        if self.usage.one_return:
            self._return(next(iter(returns.values())))
            return
        self._flush()
        self.lines.append(f"{_INDENT * self.depth}if self.training:")
        self.depth += 1
        for step in ends["train"]:
            self._step(step)
        self._return(returns["train"])
        self.depth -= 1
        for step in ends["eval"]:
            self._step(step)
        self._return(returns["eval"])

    def _return(self, refs: list[tuple[str, Ref]]) -> None:
        needed = [p for _, r in refs if (p := place_of(r)) in self.pending]
        if needed != self.pending or len(refs) > 1:
            self._flush()
        texts = [self._read(r, bare=True) for _, r in refs]
        pad = _INDENT * self.depth
        if len(texts) > 1 and any(name for name, _ in refs):
            pairs = (f"{quoted(name)}: {text}" for (name, _), text in zip(refs, texts, strict=True))
            self.lines.append(f"{pad}return {{{', '.join(pairs)}}}")
        elif self.body.listed:
            self.lines.append(f"{pad}return [{', '.join(texts)}]")
        else:
            self.lines.append(f"{pad}return {', '.join(texts)}")
        self.pending.clear()


def _named(key: Key) -> str:
    """The child's name; with that of the namespace before it where it is a number."""
    *around, name = key
    return f"{around[-1]}_{name}" if around and name.isdigit() else name


def _is_activation(item: Item | None) -> bool:
    return isinstance(item, Leaf) and any(op is not None and op.inplace for op in item.made_by)


def _containers(entries: Sequence[Entry], above: Key = ()) -> Iterator[Key]:
    """The children that hold layers."""
    for entry in entries:
        key = (*above, entry.name)
        if isinstance(entry.item, Space):
            yield from _containers(entry.item.entries, key)
        elif isinstance(entry.item, Chain) or _is_a_class(entry.item):
            yield key


def _is_a_class(item: Item | None) -> bool:
    """Whether the child is of a class that is written here."""
    return isinstance(item, Leaf) and not all(isinstance(cls, str) for cls in item.cls.present())


def _bare(template: str, index: int) -> bool:
    """Whether the place stands between brackets or commas, where an expression needs no brackets of its own."""
    at = template.index(f"{{{index}}}")
    after = template[at + len(f"{{{index}}}") :]
    return ((at > 0 and template[at - 1] in "([") or template[max(0, at - 2) : at] == ", ") and after[:1] in ")],"
