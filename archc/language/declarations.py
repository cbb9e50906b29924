"""What a spec declares beside its layers and without computing: `preprocess`, and the figures of `expect`.

A declaration is a frozen class whose fields are the keys that may be written; each carries the schema of its values and
what messages say it must be. pydantic's validator checks them. It is used without pydantic's models, which would take
a third of the time of `archc summarize` to import.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, TypeVar, cast

from pydantic_core import SchemaValidator, ValidationError
from pydantic_core import core_schema as cs

from archc.diagnostics import errors
from archc.diagnostics.collector import Collector
from archc.diagnostics.span import Span
from archc.language.syntax import Mapping, Node, Scalar, Sequence

D = TypeVar("D")


def key(schema: cs.CoreSchema, wanted: str, default: Any = None) -> Any:
    """A key that may be written: the schema of its value, what that must be in words, and what it is by default."""
    return field(default=default, metadata={"schema": schema, "wanted": wanted})


def one_of(*schemas: cs.CoreSchema) -> cs.CoreSchema:
    return cs.union_schema(list(schemas))


def _rising(ends: list[float]) -> list[float]:
    if ends[0] >= ends[1]:
        raise ValueError
    return ends


def _divisor(value: float) -> float:
    if value == 0:
        raise ValueError
    return value


INTEGER, TEXT = cs.int_schema(strict=True), cs.str_schema(strict=True)
POSITIVE = cs.int_schema(strict=True, ge=1)
NUMBER = cs.float_schema(strict=True, allow_inf_nan=False)
DIVISOR = cs.no_info_after_validator_function(_divisor, NUMBER)
ENDS = cs.no_info_after_validator_function(_rising, cs.list_schema(NUMBER, min_length=2, max_length=2))
SIZES = cs.list_schema(POSITIVE, min_length=1)


def figure() -> Any:
    return key(one_of(INTEGER, TEXT), 'an integer, or a budget such as "< 26M"')


def choice(*values: str, default: str | None = None) -> Any:
    return key(cs.literal_schema(list(values)), "one of " + ", ".join(f'"{v}"' for v in values), default)


@dataclass(frozen=True)
class Preprocess:
    """Byte to input, by channel: ``(range[0] + v / 255 * (range[1] − range[0]) − mean) / std``."""

    range: tuple[float, ...] | list[float] = key(ENDS, "two numbers, the lower first", (0.0, 1.0))
    mean: float | list[float] = key(one_of(NUMBER, cs.list_schema(NUMBER)), "a number, or a list of numbers", 0.0)
    std: float | list[float] = key(
        one_of(DIVISOR, cs.list_schema(DIVISOR)), "a number other than 0, or a list of these", 1.0
    )
    color: str | None = choice("rgb", "bgr", "gray")
    resize: int | None = key(POSITIVE, "an integer of 1 or more")
    interpolation: str = choice("nearest", "bilinear", "bicubic", default="bilinear")

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

    params: int | str | None = figure()
    macs: int | str | None = figure()
    shape: list[int] | None = key(SIZES, "a list of positive integers, without the batch")


@dataclass(frozen=True)
class Figures:
    """Figures of a network. ``at`` has those of its children, by path."""

    params: int | str | None = figure()
    macs: int | str | None = figure()
    shape: list[int] | dict[str, list[int]] | None = key(
        one_of(SIZES, cs.dict_schema(TEXT, SIZES)),
        "a list of positive integers, without the batch, or output → such a list",
    )
    keys: int | list[str] | str | None = key(
        one_of(INTEGER, TEXT, cs.list_schema(TEXT)),
        'an integer, a budget such as "< 26M", or a list of state_dict keys',
    )
    trainable_params: int | str | None = figure()
    flops: int | str | None = figure()
    activations: int | str | None = figure()
    param_bytes: int | str | None = figure()
    peak_activation_bytes: int | str | None = figure()
    saved_for_backward_bytes: int | str | None = figure()
    constraints: list[str] | None = key(
        cs.list_schema(TEXT), "a list of expressions over `params` and `let` that must be true"
    )
    at: dict[str, dict[str, Any]] = field(
        default_factory=dict[str, dict[str, Any]], metadata={"each": Part, "wanted": "path → figures, a mapping"}
    )


def _schema(declaration: type[Any]) -> cs.CoreSchema:
    def of(metadata: Any) -> cs.CoreSchema:
        return cs.dict_schema(TEXT, _schema(metadata["each"])) if "each" in metadata else metadata["schema"]

    known = {f.name: cs.typed_dict_field(of(f.metadata), required=False) for f in fields(declaration)}
    return cs.typed_dict_schema(known, extra_behavior="forbid", strict=True)


@cache
def _validator(declaration: type[Any]) -> SchemaValidator:
    return SchemaValidator(_schema(declaration))


def read(declaration: type[D], node: Node, where: str, collector: Collector) -> D | None:
    """The declaration in a tree; None, and a diagnostic for each mistake, where it is not one."""
    if not isinstance(node, Mapping):
        example = "mean: 0.5" if declaration is Preprocess else "params: 11689512"
        collector.add(errors.not_a_mapping(node.span, where, example))
        return None
    try:
        return None if node.broken else declaration(**_validator(declaration).validate_python(data(node)))
    except ValidationError as error:
        for mistake in error.errors(include_url=False, include_context=False, include_input=False):
            unknown = mistake["type"] == "extra_forbidden"
            _report(declaration, node, mistake["loc"], where, collector, unknown=unknown)
        return None


def _report(
    declaration: type[Any], node: Node, path: tuple[str | int, ...], where: str, collector: Collector, *, unknown: bool
) -> None:
    """A mistake at a path of keys: those of a part of `at`, or of the declaration itself."""
    at: tuple[str | int, ...] = ()
    if path[:1] == ("at",) and len(path) > 2:
        at, declaration, path = path[:2], Part, path[2:]
    name = str(next(iter(path)))
    known = {f.name: f for f in fields(declaration)}
    if unknown:
        collector.add(errors.bad_field(key_place(node, (*at, name)), where, "", name, list(known)))
    else:
        wanted = cast(str, known[name].metadata["wanted"])
        collector.add(errors.bad_field(place(node, (*at, name)), where, f"`{name}` must be {wanted}"))


def data(node: Node) -> Any:
    """The plain data of a tree."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return [data(item) for item in node.items]
    return {key.text: data(value) for key, value in node.entries}


def place(node: Node, path: tuple[str | int, ...]) -> Span:
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


def key_place(node: Node, path: tuple[str | int, ...]) -> Span:
    """Where the last key of a path stands."""
    for part in path[:-1]:
        inner = node.get(str(part)) if isinstance(node, Mapping) else None
        if inner is None:
            return node.span
        node = inner
    keys = [key for key, _ in node.entries if key.text == path[-1]] if isinstance(node, Mapping) else []
    return keys[0].span if keys else node.span
