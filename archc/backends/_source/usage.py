"""Who reads what in a class's ``forward``."""

from __future__ import annotations

from collections import Counter
from functools import cached_property

from archc.backends._source.template import Body, Ref, Step
from archc.backends._source.wiring import Key

Place = tuple[str, Key | int]  # what a reference is to, whichever of several results it takes


def place_of(ref: Ref) -> Place:
    return ref.kind, ref.key


def refs_of(step: Step) -> list[Ref]:
    """Everything that a step reads, in order."""
    return [r for a in step.arguments for r in (a if isinstance(a, tuple) else (a,))]


class Usage:
    """How often each value of a body is read, and by which steps."""

    def __init__(self, body: Body) -> None:
        self.body = body
        returns = list(body.returns.values())
        self.one_return = len(returns) == 1 or returns[0] == returns[1] if returns else True

    def returned(self) -> list[list[Ref]]:
        """What each return statement gives."""
        found = [[r for _, r in refs] for refs in self.body.returns.values()]
        return found[:1] if self.one_return else found

    @cached_property
    def total(self) -> Counter[Place]:
        """Place → number of times that the text reads it; standing in for another value counts."""
        uses: Counter[Place] = Counter()
        for step in self.body.steps:
            uses.update(map(place_of, refs_of(step)))
            if step.otherwise is not None:
                uses[place_of(step.otherwise)] += 1
        for refs in self.returned():
            uses.update(map(place_of, refs))
        return uses

    @cached_property
    def _readers(self) -> dict[Place, list[Step]]:
        readers: dict[Place, list[Step]] = {}
        for step in self.body.steps:
            for place in dict.fromkeys(map(place_of, refs_of(step))):
                readers.setdefault(place, []).append(step)
        return readers

    def passed_on(self, place: Place) -> bool:
        """Whether one later step reads the value, and nothing else."""
        readers = self._readers.get(place, [])
        return self.total[place] == 1 and len(readers) == 1 and len(refs_of(readers[0])) == 1

    @cached_property
    def accumulated(self) -> set[Place]:
        """The values that another is added to in place."""
        return {place_of(refs_of(step)[0]) for step in self.body.steps if step.in_place}

    @cached_property
    def wanted(self) -> dict[Place, str]:
        """The names of the network's outputs, which their values would like to have."""
        wanted: dict[Place, str] = {}
        for refs in self.body.returns.values():
            for name, ref in refs:
                if ref.index is None:
                    wanted.setdefault(place_of(ref), name)
        return wanted
