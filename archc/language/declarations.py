"""What a spec declares beside its layers and without computing: `preprocess`, and the figures of `expect`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from archc.diagnostics import errors
from archc.diagnostics.collector import Collector
from archc.diagnostics.span import Span
from archc.language.syntax import Mapping, Node, Scalar, Sequence

M = TypeVar("M", bound=BaseModel)


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Preprocess(Strict):
    """Byte to input, by channel: ``(range[0] + v / 255 * (range[1] − range[0]) − mean) / std``."""

    range: list[float] = [0.0, 1.0]
    mean: float | list[float] = 0.0
    std: float | list[float] = 1.0
    color: Literal["rgb", "bgr", "gray"] | None = None
    resize: int | None = None
    interpolation: Literal["nearest", "bilinear", "bicubic"] = "bilinear"

    @model_validator(mode="after")
    def _sensible(self) -> Preprocess:
        if len(self.range) != 2 or self.range[0] >= self.range[1]:
            raise ValueError("`range` is two numbers, the lower first")
        if 0 in (self.std if isinstance(self.std, list) else [self.std]):
            raise ValueError("`std` divides, and can't be 0")
        if self.resize is not None and self.resize < 1:
            raise ValueError("`resize` is an integer of 1 or more")
        return self

    def mismatches(self, channels: int) -> Iterator[tuple[str, str]]:
        """The fields that do not fit an input of so many channels, and why."""
        there = f"and the input has {channels} channel{'s' * (channels != 1)}"
        for name, value in (("mean", self.mean), ("std", self.std)):
            if isinstance(value, list) and len(value) != channels:
                yield name, f"`{name}` has {len(value)} numbers, {there}"
        wanted = {"gray": 1, "rgb": 3, "bgr": 3}.get(self.color or "", channels)
        if wanted != channels:
            yield "color", f"`{self.color}` is of {wanted} channel{'s' * (wanted != 1)}, {there}"


class Part(Strict):
    """Figures of the child at a path: exact numbers, or budgets such as `"< 26M"`."""

    params: int | str | None = None
    macs: int | str | None = None
    shape: list[int] | None = None


class Figures(Part):
    """Figures of a network."""

    shape: list[int] | dict[str, list[int]] | None = None  # pyright: ignore[reportIncompatibleVariableOverride]
    keys: int | list[str] | str | None = None
    trainable_params: int | str | None = None
    flops: int | str | None = None
    activations: int | str | None = None
    param_bytes: int | str | None = None
    peak_activation_bytes: int | str | None = None
    at: dict[str, Part] = {}


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


def key_place(node: Node, path: tuple[Any, ...]) -> Span:
    """Where the last key of a path stands."""
    around = node
    for part in path[:-1]:
        found = around.get(str(part)) if isinstance(around, Mapping) else None
        if found is None:
            break
        around = found
    if isinstance(around, Mapping):
        for key, _ in around.entries:
            if key.text == str(path[-1]):
                return key.span
    return place(node, path)


def read(model: type[M], node: Node, where: str, collector: Collector) -> M | None:
    """The declaration in a tree; None, and a diagnostic for each mistake, where it is not one."""
    try:
        return model.model_validate(data(node))
    except ValidationError as error:
        for mistake in error.errors():
            path: tuple[Any, ...] = tuple(p for p in mistake["loc"] if not _is_type(p))
            if mistake["type"] == "extra_forbidden":
                known = list(Part.model_fields if len(path) > 1 else model.model_fields)
                collector.add(errors.bad_field(key_place(node, path), where, "", str(mistake["loc"][-1]), known))
            else:
                message = mistake["msg"].removeprefix("Value error, ")
                name = f"`{path[-1]}`: " if path and "`" not in message else ""
                collector.add(errors.bad_field(place(node, path), where, name + _lower(message)))
        return None


def _is_type(part: Any) -> bool:
    """pydantic puts the member of a union into the location."""
    return isinstance(part, str) and (part in ("int", "str", "float", "bool") or "[" in part)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
