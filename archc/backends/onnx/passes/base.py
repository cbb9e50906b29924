"""What a pass is, and how passes are run: with contracts, so that a failure names the pass that caused it.

The pattern is that of onnx/ir-py's pass infrastructure: preconditions, a rewrite, postconditions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from archc.backends.onnx.lower import Layers
from archc.backends.onnx.program import Program


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a pass did: to which layer, and what."""

    layer: str
    what: str


class Report(Protocol):
    """What is to be said of a pass's work in every build."""

    def lines(self) -> Sequence[str]:
        """For people."""
        ...


@dataclass(frozen=True, slots=True)
class Applied:
    """A pass that ran, and all that it did."""

    name: str
    changes: tuple[Change, ...]
    report: Report | None = None


class PassError(Exception):
    """A pass was run where it must not be, or did not do what it promises: a mistake of archc's own."""

    def __init__(self, name: str, when: str, problems: Sequence[str]) -> None:
        super().__init__(f"pass {name}, {when}: {'; '.join(problems[:5])}")


Contract = Callable[[Program], Sequence[str]]  # gives what is wrong, a line each


class LayerPass:
    """A rewrite of layers and their weights, before ONNX nodes are made of them."""

    name: ClassVar[str]
    summary: ClassVar[str]

    def run(self, layers: Layers) -> list[Change]:
        """Rewrite in place."""
        raise NotImplementedError


class ProgramPass:
    """A rewrite of ONNX nodes.

    ``requires`` must hold before it, and ``ensures`` after, as must ``archc.backends.onnx.passes.contracts.valid``
    after every pass. Outputs keep their names, and their numbers up to rounding.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    requires: ClassVar[tuple[Contract, ...]] = ()
    ensures: ClassVar[tuple[Contract, ...]] = ()
    report: Report | None = None  # set by ``run``, where there is something to say

    def run(self, program: Program) -> list[Change]:
        """Rewrite in place; the nodes need not be in order afterwards."""
        raise NotImplementedError


Pass = LayerPass | ProgramPass


def run_on_layers(one: LayerPass, layers: Layers) -> Applied:
    """Run a pass; each layer is worked into another once, and into one that is there. Raises PassError."""
    before = {**layers.absorbed}
    changes = one.run(layers)
    problems = [
        f"`{node.path}` is absorbed once more" for node, into in before.items() if layers.absorbed[node] != into
    ]
    problems += [f"`{into.path}` is not there" for into in layers.absorbed.values() if into in layers.absorbed]
    if problems:
        raise PassError(one.name, "after it", problems)
    return Applied(one.name, tuple(changes))


def run_on_program(one: ProgramPass, program: Program) -> Applied:
    """Run a pass between its contracts, and put the program in order. Raises PassError."""
    from archc.backends.onnx.passes.contracts import valid

    _hold(one, "before it", one.requires, program)
    changes = one.run(program)
    program.settle()
    _hold(one, "after it", (valid, *one.ensures), program)
    return Applied(one.name, tuple(changes), one.report)


def _hold(one: ProgramPass, when: str, contracts: Sequence[Contract], program: Program) -> None:
    for contract in contracts:
        if problems := contract(program):
            raise PassError(one.name, when, problems)
