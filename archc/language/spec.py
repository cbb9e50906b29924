"""A spec as it was read: its parts with their places, nothing computed yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from archc.diagnostics.span import Source, Span
from archc.graph.weight_rules import WeightRule
from archc.language.bodies import Bindings, EntriesBody
from archc.language.expression import Expression
from archc.language.syntax import Mapping, Node, Scalar
from archc.language.values import Block

SECTIONS = ("stem", "body", "head")


@dataclass(eq=False, slots=True)
class Use:
    """One entry of `use`: a file and the blocks wanted of it."""

    path: Scalar
    names: list[Scalar]


@dataclass(eq=False, slots=True)
class Variant:
    name: str
    span: Span
    params: dict[str, tuple[Any, Span]]
    input: Node | None = None
    input_span: Span | None = None
    preprocess: Node | None = None


@dataclass(eq=False, slots=True)
class InitEntry:
    """A key of `init` and the initialiser that it gives each weight; the weight "" is the pattern's own."""

    key: Scalar
    values: list[tuple[Scalar | None, Expression]]


@dataclass(eq=False)
class Spec:
    """One file. ``shapes`` are the inputs; empty where the file is only used."""

    source: Source
    span: Span
    name: str
    description: str = ""
    reference: str | None = None  # `source`
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])
    named_inputs: bool = False
    params: dict[str, tuple[Any, Span]] = field(default_factory=dict[str, tuple[Any, Span]])
    let: Bindings = field(default_factory=list[tuple[Scalar, Expression | None, Node | None]])
    variants: dict[str, Variant] = field(default_factory=dict[str, Variant])
    uses: list[Use] = field(default_factory=list[Use])
    broken_blocks: set[str] = field(default_factory=set[str])  # whose headers can't be read
    lost: set[str] = field(default_factory=set[str])  # names under top-level keys that mean nothing
    blocks: dict[str, Block] = field(default_factory=dict[str, Block])
    sections: dict[str, EntriesBody] = field(default_factory=dict[str, EntriesBody])
    outputs: EntriesBody | None = None
    train_outputs: EntriesBody | None = None
    init: list[InitEntry] = field(default_factory=list[InitEntry])
    weight_rules: tuple[WeightRule, ...] = ()  # `weights`
    preprocess: Node | None = None
    labels: Node | None = None
    expect: dict[str, tuple[Scalar, Mapping]] = field(default_factory=dict[str, tuple[Scalar, Mapping]])

    @property
    def variant_names(self) -> list[str]:
        """The variants, or the spec's own name where it has none."""
        return list(self.variants) or [self.name]
