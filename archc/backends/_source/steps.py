"""Merging what two bodies do in ``forward``, where one may do some steps more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from archc.backends._source.template import ABSENT, Argument, Body, Ref, Slot, Step, Text
from archc.backends._source.wiring import Key

Returns = dict[str, list[tuple[str, Ref]]]


class UnmergeableError(Exception):
    """The two bodies are too unlike for one class."""


def merge_steps(a: Body, b: Body, join: Callable[[Text, Text], Text]) -> tuple[list[Step], Returns]:
    """The steps of both. Those that only one has are run where a flag says so, and each value of theirs that is used
    later has a stand-in for the others. Raises UnmergeableError.
    """
    longer = a if len(a.steps) >= len(b.steps) else b
    shorter = b if longer is a else a
    merger = _Merger(longer, shorter)
    steps: list[Step] = []
    for step in longer.steps:
        other = merger.in_shorter.get(step.key)
        more = [False] * shorter.size if other is None else other.present.values
        ours = step.present.values
        present = Slot(step.present.label, ours + more if longer is a else more + ours)
        if other is None:
            steps.append(
                _copy(step, _padded(step.expression, shorter.size, first=longer is not a), step.arguments, present)
            )
        else:
            pair = (step, other) if longer is a else (other, step)
            steps.append(_copy(step, _joined(*pair, join), merger.arguments(step, other), present))
            steps[-1].hollow = step.hollow and other.hollow
            steps[-1].otherwise = step.otherwise or other.otherwise
            steps[-1].overwrites = step.overwrites + other.overwrites
    returns = merger.returns()
    merger.check_order()
    for step in steps:
        step.otherwise = merger.otherwise.get(step.key, step.otherwise)
    _check_defined(steps, returns)
    return steps, returns


def _check_defined(steps: list[Step], returns: Returns) -> None:
    """Whatever is read was computed in that instance, or has a stand-in. Raises UnmergeableError."""
    always = [True] * len(steps[0].present.values) if steps else []
    defined: dict[Key, list[bool]] = {}

    def check(ref: Ref, where: list[bool]) -> None:
        if ref.kind != "value" or not isinstance(ref.key, tuple):
            return
        if any(needed and not there for needed, there in zip(where, defined[ref.key], strict=True)):
            raise UnmergeableError

    for step in steps:
        for argument in step.arguments:
            for ref in argument if isinstance(argument, tuple) else (argument,):
                check(ref, step.present.values)
        if step.otherwise is not None:
            check(step.otherwise, always)
        defined[step.key] = step.present.values if step.otherwise is None else always
    for refs in returns.values():
        for _, ref in refs:
            check(ref, always)


def _copy(step: Step, expression: Text | None, arguments: list[Argument], present: Slot) -> Step:
    return replace(step, expression=expression, arguments=arguments, present=present)


def _padded(text: Text | None, count: int, *, first: bool) -> Text | None:
    if text is None:
        return None
    absent = [ABSENT] * count
    numbers = [Slot(s.label, absent + s.values if first else s.values + absent) for s in text.numbers]
    return Text(text.pieces, numbers, text.atom)


def _joined(a: Step, b: Step, join: Callable[[Text, Text], Text]) -> Text | None:
    alike = a.count == b.count and a.listed == b.listed and a.mode == b.mode and len(a.arguments) == len(b.arguments)
    if not alike or (a.expression is None) != (b.expression is None):
        raise UnmergeableError
    if a.otherwise is not None and b.otherwise is not None and a.otherwise != b.otherwise:
        raise UnmergeableError
    return join(a.expression, b.expression) if a.expression and b.expression else None


class _Merger:
    """Relates the tensors of the two bodies to one another."""

    def __init__(self, longer: Body, shorter: Body) -> None:
        self.longer, self.shorter = longer, shorter
        self.in_longer = {s.key: s for s in longer.steps}
        self.in_shorter = {s.key: s for s in shorter.steps}
        shared = [s.key for s in longer.steps if s.key in self.in_shorter]
        if shared != [s.key for s in shorter.steps]:
            raise UnmergeableError
        built = {e.name for e in shorter.entries if e.item is not None}
        if any(s.key[0] in built for s in longer.steps if s.key not in self.in_shorter and len(s.key) == 1):
            raise UnmergeableError  # both have the child, and one leaves it unused
        self.otherwise: dict[Key, Ref] = {}

    def arguments(self, a: Step, b: Step) -> list[Argument]:
        return [self._argument(x, y) for x, y in zip(a.arguments, b.arguments, strict=True)]

    def _argument(self, a: Argument, b: Argument) -> Argument:
        if isinstance(a, Ref) and isinstance(b, Ref):
            return self._ref(a, b)
        if isinstance(a, Ref) or isinstance(b, Ref) or len(a) != len(b):
            raise UnmergeableError
        return tuple(self._ref(x, y) for x, y in zip(a, b, strict=True))

    def _ref(self, a: Ref, b: Ref) -> Ref:
        """The tensor that is ``a`` in the longer and ``b`` in the shorter body."""
        if a == b:
            return a
        if _through(a, self.in_shorter) == _through(b, self.in_shorter):
            return a  # a hollow child of the shorter
        if _through(a, self.in_longer) == _through(b, self.in_longer):
            return b
        if a.kind == "value" and isinstance(a.key, tuple) and a.key not in self.in_shorter and a.index is None:
            stand_in = self.otherwise.setdefault(a.key, self.in_longer[a.key].otherwise or b)
            if stand_in == b:
                return a
        raise UnmergeableError

    def returns(self) -> Returns:
        a, b = self.longer.returns, self.shorter.returns
        if {m: [n for n, _ in r] for m, r in a.items()} != {m: [n for n, _ in r] for m, r in b.items()}:
            raise UnmergeableError
        return {
            mode: [(name, self._ref(x, y)) for (name, x), (_, y) in zip(refs, b[mode], strict=True)]
            for mode, refs in a.items()
        }

    def check_order(self) -> None:
        """A stand-in is computed before the step that it stands in for."""
        place = {s.key: i for i, s in enumerate(self.longer.steps)}
        for key, ref in self.otherwise.items():
            if isinstance(ref.key, tuple) and ref.kind == "value" and place[ref.key] > place[key]:
                raise UnmergeableError


def _through(ref: Ref, steps: Mapping[Key, Step]) -> Ref:
    """What a tensor is once hollow children are seen through."""
    while ref.kind == "value" and isinstance(ref.key, tuple) and ref.key in steps and steps[ref.key].hollow:
        argument = steps[ref.key].arguments[0]
        assert isinstance(argument, Ref)
        ref = argument
    return ref
