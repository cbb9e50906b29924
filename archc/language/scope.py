"""The two spaces of names: values (``Env``) and tensors (``Scope``). Rules 15 to 20 and 28 to 30 of the language."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from archc.diagnostics.span import Span
from archc.graph.graph import Module, Node, Tensor


class Unknown:
    """A tensor of which nothing is known, since an error was already reported for it."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN = Unknown()
UNFINISHED = Unknown()  # the child is being built, and so not in reach
Value = Tensor | list[Tensor] | Unknown


class Env:
    """Names of values, inner ones hiding outer ones."""

    __slots__ = ("names", "outer", "spans")

    def __init__(self, outer: Env | None = None, names: dict[str, Any] | None = None) -> None:
        self.outer = outer
        self.names: dict[str, Any] = {} if names is None else names
        self.spans: dict[str, Span] = {}

    def find(self, name: str) -> tuple[bool, Any]:
        env: Env | None = self
        while env is not None:
            if name in env.names:
                return True, env.names[name]
            env = env.outer
        return False, None

    def values(self) -> dict[str, Any]:
        """All names, the innermost first, with what they stand for."""
        found: dict[str, Any] = {}
        env: Env | None = self
        while env is not None:
            found = {**found, **env.names, **found}
            env = env.outer
        return found

    def all_names(self) -> list[str]:
        return list(self.values())


POISON = object()  # the value of a name whose expression failed


class Children(dict[str, "Built"]):
    """The children of one list or mapping by name."""

    __slots__ = ("lost",)

    def __init__(self) -> None:
        super().__init__()
        self.lost: list[str] = []  # patterns of names that are missing because of a mistake already reported


@dataclass(eq=False, slots=True)
class Built:
    """What a child gave, and the children in it. ``value`` is None for a container that a dotted name made."""

    name: str
    value: Value | None
    span: Span
    place: Module | Node | None
    order: int = 0  # among all children of the network, as they were built
    children: Children = field(default_factory=Children)

    def lost(self, name: str) -> bool:
        """Whether a child that is not there is missing because of a mistake already reported."""
        return self.value is UNKNOWN or _matches(self.children.lost, name)


@dataclass(eq=False, slots=True)
class Scope:
    """The tensors in reach in one list or mapping: its children so far, those around it, then the block's inputs."""

    module: Module
    children: Children
    outer: Scope | None
    inputs: dict[str, Value]  # of the block; only where outer is None
    prev: Value | None
    counter: int = 0
    header: Span | None = None  # of the block, for messages

    def find(self, name: str) -> Value | Built | None:
        """The child or input by that name; `x` and `prev` too."""
        if name == "prev":
            return self.prev
        scope = self
        while True:
            found = scope.children.get(name)
            if found is not None and found.value is not UNFINISHED:
                return found
            if scope.outer is None:
                return scope.inputs.get(name)
            scope = scope.outer

    def lost(self, name: str) -> bool:
        """Whether a name that is not in reach is missing because of a mistake already reported."""
        return _matches(self.children.lost, name) or (self.outer is not None and self.outer.lost(name))

    def block_inputs(self) -> dict[str, Value]:
        """Those of the block, or of the network."""
        return self.inputs if self.outer is None else self.outer.block_inputs()

    def in_reach(self) -> list[str]:
        """Names, the nearest first."""
        found = [n for n, b in self.children.items() if b.value is not UNFINISHED]
        return found + (list(self.inputs) if self.outer is None else self.outer.in_reach())


def _matches(patterns: list[str], name: str) -> bool:
    return any(re.fullmatch(p, name) for p in patterns)
