"""What a spec declares beside its layers and without computing: `preprocess`, and the figures of `expect`.

Each is a frozen class whose fields are the keys that may be written, with the kinds of their values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, cast

from archc.diagnostics import errors
from archc.diagnostics.collector import Collector
from archc.diagnostics.span import Span
from archc.language.syntax import Mapping, Node, Scalar, Sequence
from archc.ops.base import Kind
from archc.ops.kinds import choice, integer, number

D = TypeVar("D")


def one_of(*kinds: Kind) -> Kind:
    """A value of the first of these kinds that takes it."""

    def check(value: Any) -> Any:
        for kind in kinds:
            try:
                return kind.check(value)
            except ValueError:
                continue
        raise ValueError

    return Kind(", or ".join(kind.expected for kind in kinds), check)


def list_of(kind: Kind, expected: str, holds: Callable[[list[Any]], bool] = bool) -> Kind:
    """A list of values of a kind, of which something ``holds``: that there is one, if nothing else is said."""

    def check(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise ValueError
        items = [kind.check(item) for item in cast("list[Any]", value)]
        if not holds(items):
            raise ValueError
        return items

    return Kind(expected, check)


def mapping_of(kind: Kind, expected: str) -> Kind:
    """A mapping from any text to values of a kind."""

    def check(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValueError
        return {name: kind.check(item) for name, item in cast("dict[str, Any]", value).items()}

    return Kind(expected, check)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


def _divisor(value: Any) -> float:
    divisor = number().check(value)
    if divisor == 0:
        raise ValueError
    return divisor


TEXT = Kind("text", _text)
BUDGET = Kind('a budget such as "< 26M"', _text)  # read where it is tested
FIGURE = one_of(integer(0), BUDGET)
SHAPE = list_of(integer(1), "a list of positive integers, without the batch")
RANGE = list_of(number(), "two numbers, the lower first", lambda ends: len(ends) == 2 and ends[0] < ends[1])
DIVISOR = Kind("a number other than 0", _divisor)


def key(kind: Kind, default: Any = None) -> Any:
    """A key that may be written, and what it is where it is not."""
    return field(default=default, metadata={"kind": kind})


@dataclass(frozen=True)
class Preprocess:
    """Byte to input, by channel: ``(range[0] + v / 255 * (range[1] − range[0]) − mean) / std``."""

    range: tuple[float, float] | list[float] = key(RANGE, (0.0, 1.0))
    mean: float | list[float] = key(one_of(number(), list_of(number(), "a list of numbers")), 0.0)
    std: float | list[float] = key(one_of(DIVISOR, list_of(DIVISOR, "a list of these")), 1.0)
    color: str | None = key(choice("rgb", "bgr", "gray"))
    resize: int | None = key(integer(1))
    interpolation: str = key(choice("nearest", "bilinear", "bicubic"), "bilinear")

    def mismatches(self, channels: int) -> Iterator[tuple[str, str]]:
        """The fields that do not fit an input of so many channels, and why."""
        there = f"and the input has {channels} channel{'s' * (channels != 1)}"
        for name, value in (("mean", self.mean), ("std", self.std)):
            if isinstance(value, list) and len(value) != channels:
                yield name, f"`{name}` has {len(value)} numbers, {there}"
        wanted = {"gray": 1, "rgb": 3, "bgr": 3}.get(self.color or "", channels)
        if wanted != channels:
            yield "color", f"`{self.color}` is of {wanted} channel{'s' * (wanted != 1)}, {there}"

    def values(self) -> dict[str, Any]:
        """All that is known, as plain data."""
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in {**found, "range": list(self.range)}.items() if value is not None}


@dataclass(frozen=True)
class Part:
    """Figures of the child at a path: exact numbers, or budgets such as `"< 26M"`."""

    params: int | str | None = key(FIGURE)
    macs: int | str | None = key(FIGURE)
    shape: list[int] | None = key(SHAPE)


@dataclass(frozen=True)
class Figures:
    """Figures of a network. ``at`` has those of its children, by path."""

    params: int | str | None = key(FIGURE)
    macs: int | str | None = key(FIGURE)
    shape: list[int] | dict[str, list[int]] | None = key(one_of(SHAPE, mapping_of(SHAPE, "output → such a list")))
    keys: int | list[str] | str | None = key(one_of(FIGURE, list_of(TEXT, "a list of state_dict keys")))
    trainable_params: int | str | None = key(FIGURE)
    flops: int | str | None = key(FIGURE)
    activations: int | str | None = key(FIGURE)
    param_bytes: int | str | None = key(FIGURE)
    peak_activation_bytes: int | str | None = key(FIGURE)
    at: dict[str, Part] = field(default_factory=dict[str, Part], metadata={"each": Part})


def read(declaration: type[D], node: Node, where: str, collector: Collector) -> D | None:
    """The declaration in a tree; None, and a diagnostic for each mistake, where it is not one."""
    if not isinstance(node, Mapping):
        collector.add(errors.not_a_mapping(node.span, where, _example(declaration)))
        return None
    known = {f.name: f for f in fields(cast(Any, declaration))}
    values: dict[str, Any] = {}
    for name, value in node.entries:
        if name.text not in known:
            collector.add(errors.bad_field(name.span, where, "", name.text, list(known)))
        elif "each" in (metadata := known[name.text].metadata):
            values[name.text] = _read_each(metadata["each"], name, value, where, collector)
        else:
            values[name.text] = _checked(metadata["kind"], name.text, value, where, collector)
    if node.broken or len(values) < len(node.entries) or any(v is None for v in values.values()):
        return None
    return declaration(**values)


def _read_each(declaration: type[D], name: Scalar, node: Node, where: str, collector: Collector) -> dict[str, D] | None:
    if not isinstance(node, Mapping):
        collector.add(errors.not_a_mapping(node.span, f"`{name.text}`", f"layer1: {{{_example(declaration)}}}"))
        return None
    found = {path.text: read(declaration, part, where, collector) for path, part in node.entries}
    return None if None in found.values() else cast("dict[str, D]", found)


def _checked(kind: Kind, name: str, node: Node, where: str, collector: Collector) -> Any:
    """The value, of its kind; None, and a diagnostic, where it is not."""
    try:
        return kind.check(data(node))
    except ValueError:
        collector.add(errors.bad_field(node.span, where, f"`{name}` must be {kind.expected}"))
        return None


def _example(declaration: type[Any]) -> str:
    return "mean: 0.5" if declaration is Preprocess else "params: 11689512"


def data(node: Node) -> Any:
    """The plain data of a tree."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return [data(item) for item in node.items]
    return {key.text: data(value) for key, value in node.entries}


def place(node: Node, path: tuple[Any, ...]) -> Span:
    """Where the value at a path of keys and indices stands, or the nearest above it that there is."""
    for part in path:
        inner: Node | None = None
        if isinstance(node, Mapping):
            inner = node.get(str(part))
        elif isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
            inner = node.items[part]
        if inner is None:
            break
        node = inner
    return node.span
