"""What a spec declares beside its layers and without computing: `preprocess`, and the figures of `expect`.

pydantic models: their fields are the keys that may be written, and messages say a field's description of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from archc.diagnostics import errors
from archc.diagnostics.collector import Collector
from archc.diagnostics.span import Span
from archc.language.syntax import Mapping, Node, Scalar, Sequence

M = TypeVar("M", bound=BaseModel)


def _ends(ends: list[float]) -> list[float]:
    if len(ends) != 2 or ends[0] >= ends[1]:
        raise ValueError
    return ends


def _divisor(value: float) -> float:
    if value == 0:
        raise ValueError
    return value


Finite = Annotated[float, Field(allow_inf_nan=False)]
Ends = Annotated[list[Finite], AfterValidator(_ends)]
Divisor = Annotated[Finite, AfterValidator(_divisor)]
Figure = Annotated[int | str | None, Field(description='an integer, or a budget such as "< 26M"')]
Sizes = Annotated[list[PositiveInt], Field(min_length=1)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Preprocess(Strict):
    """Byte to input, by channel: ``(range[0] + v / 255 * (range[1] − range[0]) − mean) / std``."""

    range: Annotated[list[Finite], AfterValidator(_ends)] = Field(
        [0.0, 1.0], description="two numbers, the lower first"
    )
    mean: Finite | list[Finite] = Field(0.0, description="a number, or a list of numbers")
    std: Divisor | list[Divisor] = Field(1.0, description="a number other than 0, or a list of these")
    color: Literal["rgb", "bgr", "gray"] | None = Field(None, description='one of "rgb", "bgr", "gray"')
    resize: PositiveInt | None = Field(None, description="an integer of 1 or more")
    interpolation: Literal["nearest", "bilinear", "bicubic"] = Field(
        "bilinear", description='one of "nearest", "bilinear", "bicubic"'
    )

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

    params: Figure = None
    macs: Figure = None
    shape: Sizes | None = Field(None, description="a list of positive integers, without the batch")


class Figures(Strict):
    """Figures of a network. ``at`` has those of its children, by path."""

    params: Figure = None
    macs: Figure = None
    shape: Sizes | dict[str, Sizes] | None = Field(
        None, description="a list of positive integers, without the batch, or output → such a list"
    )
    keys: int | list[str] | str | None = Field(
        None, description='an integer, a budget such as "< 26M", or a list of state_dict keys'
    )
    trainable_params: Figure = None
    flops: Figure = None
    activations: Figure = None
    param_bytes: Figure = None
    peak_activation_bytes: Figure = None
    at: dict[str, Part] = Field({}, description="path → figures, such as layer1: {params: 215808}")


def read(model: type[M], node: Node, where: str, collector: Collector) -> M | None:
    """The declaration in a tree; None, and a diagnostic for each mistake, where it is not one."""
    if not isinstance(node, Mapping):
        example = "mean: 0.5" if model is Preprocess else "params: 11689512"
        collector.add(errors.not_a_mapping(node.span, where, example))
        return None
    try:
        return None if node.broken else model.model_validate(data(node))
    except ValidationError as error:
        for mistake in error.errors(include_url=False, include_context=False, include_input=False):
            _report(model, node, mistake["loc"], where, collector, unknown=mistake["type"] == "extra_forbidden")
        return None


def _report(
    model: type[BaseModel], node: Node, path: tuple[str | int, ...], where: str, collector: Collector, *, unknown: bool
) -> None:
    """A mistake at a path of keys: those of a part of `at`, or of the declaration itself."""
    at: tuple[str | int, ...] = ()
    if path[:1] == ("at",) and len(path) > 2:
        at, model, path = path[:2], Part, path[2:]
    name = str(next(iter(path)))
    if unknown:
        collector.add(errors.bad_field(key_place(node, (*at, name)), where, "", name, list(model.model_fields)))
    else:
        wanted = model.model_fields[name].description
        collector.add(errors.bad_field(place(node, (*at, *path[:1])), where, f"`{name}` must be {wanted}"))


def data(node: Node) -> Any:
    """The plain data of a tree."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return [data(item) for item in node.items]
    return {key.text: data(value) for key, value in node.entries}


def place(node: Node, path: tuple[str | int, ...]) -> Span:
    """Where the value at a path of keys stands, or the nearest above it that there is."""
    for part in path:
        inner = node.get(str(part)) if isinstance(node, Mapping) else None
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
