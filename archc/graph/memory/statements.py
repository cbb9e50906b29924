"""The statements of a container's generated ``forward``, as far as they decide how long a tensor is held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from archc.graph.graph import Module, Node, Tensor

# Calls that a statement nests: up to an activation, and at all.
NESTED_TO_ACTIVATION, NESTED = 3, 4

Call = Module | Node


@dataclass(eq=False, slots=True)
class _Statement:
    """Calls nested in each other, ``begins`` the tensors that it reads from variables and that nothing else reads."""

    calls: list[Call]
    begins: list[Tensor]


@dataclass(slots=True)
class Body:
    """A container's calls as they read each other."""

    module: Module
    order: dict[Call, int] = field(default_factory=dict[Call, int])  # in which they run
    reads: dict[Call, set[Tensor]] = field(default_factory=dict[Call, set[Tensor]])
    makers: dict[Tensor, Call] = field(default_factory=dict[Tensor, Call])
    readers: dict[Tensor, set[Call]] = field(default_factory=dict[Tensor, set[Call]])

    def add(self, tensor: Tensor, maker: Call, reader: Call) -> None:
        """Say that one child makes what another reads."""
        self.reads.setdefault(maker, set())
        self.reads.setdefault(reader, set()).add(tensor)
        self.makers[tensor] = maker
        self.readers.setdefault(tensor, set()).add(reader)

    def holders(self) -> Iterator[tuple[Tensor, Call]]:
        """Each tensor that one child makes for others, with the calls that hold it until they are through."""
        sequential = self._sequential()
        for tensor, readers in self.readers.items():
            if not sequential and self._is_variable(tensor):
                yield tensor, self.module
            yield from ((tensor, reader) for reader in readers)
        for statement in () if sequential else self._statements():
            # What goes on alone passes its name on; beside others it has a name of its own, to the end.
            first, last = statement.calls[0], statement.calls[-1]
            for tensor in statement.begins:
                yield tensor, last if len(self.reads[first]) == 1 else self.module

    def _is_variable(self, tensor: Tensor) -> bool:
        """Whether several calls read it, or it comes in a list."""
        maker = self.makers[tensor]
        return len(self.readers[tensor]) > 1 or (isinstance(maker, Node) and maker.many)

    def _sequential(self) -> bool:
        """Whether the container is an ``nn.Sequential``, which has no statements of its own."""
        numbered = all(name.isdigit() for name in self.module.children)
        if self.module.kind == "root" or (self.module.block is not None and not numbered):
            return False
        return all(len(r) == 1 for r in self.readers.values()) and all(len(t) <= 1 for t in self.reads.values())

    def _statements(self) -> list[_Statement]:
        found: dict[Call, _Statement] = {}
        depths: dict[Call, int] = {}
        calls = sorted(self.order, key=self.order.__getitem__)
        for place, call in enumerate(calls):
            passed = [t for t in self.reads.get(call, ()) if not self._is_variable(t)]
            makers = [self.makers[t] for t in passed]
            needed = list(dict.fromkeys(found[m] for m in makers))
            nested = sum(len(s.calls) for s in needed)
            in_order = set(calls[place - nested : place]) == {c for s in needed for c in s.calls}
            if in_order and not self._too_deep(makers, depths) and not _holds(call, needed):
                joined = _Statement([c for s in needed for c in s.calls], [t for s in needed for t in s.begins])
                depths[call] = 1 + max((depths[m] for m in makers), default=0)
            else:
                joined, depths[call] = _Statement([], passed), 1
            joined.calls.append(call)
            found.update(dict.fromkeys(joined.calls, joined))
        return list(dict.fromkeys(found.values()))

    @staticmethod
    def _too_deep(makers: list[Call], depths: dict[Call, int]) -> bool:
        deepest = max(makers, key=depths.__getitem__, default=None)
        if deepest is None:
            return False
        return depths[deepest] >= (NESTED_TO_ACTIVATION if _rounded(deepest) else NESTED)


def _rounded(call: Call) -> bool:
    return isinstance(call, Node) and call.op.inplace


def _holds(call: Call, needed: list[_Statement]) -> bool:
    """Whether a whole container would run while a variable is held that nothing reads any more."""
    return isinstance(call, Module) and any(s.begins for s in needed)
