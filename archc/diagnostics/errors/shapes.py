"""Shapes that don't fit, and how they came about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from archc.diagnostics.diagnostic import Diagnostic, Label
from archc.diagnostics.span import Span
from archc.ops.shape import Shape

if TYPE_CHECKING:
    from archc.graph.graph import Node, Origin, Tensor
    from archc.language.values import Call
    from archc.ops.base import OpError

__all__ = ["op_error", "within"]

CALLS = 4  # of blocks in one another, that are shown


class Referring(Protocol):
    """A child's place, and where it names what it reads."""

    span: Span
    references: list[Span] | None


def op_error(
    error: OpError, op: str, call: Call, place: Referring, span: Span, tensors: Sequence[Tensor]
) -> Diagnostic:
    """An op that can't be built on its inputs: at the argument at fault, at the inputs, or at the layer."""
    named = place.references if place.references and len(place.references) == len(tensors) else None
    secondary: tuple[Label, ...] = ()
    if error.argument is not None and error.argument in call.spans:
        primary = Label(call.spans[error.argument], error.found)
    elif named is not None and (len(tensors) > 1 or error.input is not None):
        primary = Label(place.span)
        texts = [error.found if i == error.input and error.found else str(t.shape) for i, t in enumerate(tensors)]
        secondary = tuple(Label(s, t) for s, t in zip(named, texts, strict=True))
    else:
        primary = Label(span, error.found)
    notes = tuple(dict.fromkeys(trail(t) for t in tensors[:4]))
    return Diagnostic(error.code, error.message, primary, secondary, notes, error.help)


def trail(tensor: Tensor) -> str:
    """Where a shape came from: the layer that made the channels, and the one that made the height and width."""
    if tensor.producer is None:
        return f"`{tensor.name}`, an input of the network, is {tensor.shape}"
    text = f"`{tensor.name}` is {tensor.shape}"
    channels = _maker(tensor, lambda t: t.shape.dims[:1])
    extent = _maker(tensor, lambda t: t.shape.dims[1:])
    if channels is not None and channels.output.shape.rank != channels.inputs[0].shape.rank:
        return f"{text}, since {_named(channels)} makes that of {channels.inputs[0].shape}"
    parts: list[str] = []
    if channels is not None:
        made, before = channels.output.shape.channels, channels.inputs[0].shape.channels
        parts.append(f"{_named(channels)} makes {made} channels of {before}")
    if extent is not None and tensor.shape.spatial:
        made, before = (Shape(s.spatial) for s in (extent.output.shape, extent.inputs[0].shape))
        step = f"{made} of {before}" if before.dims else str(made)
        parts.append(step if extent is channels else f"{_named(extent)} makes {step}")
    return text + (", since " + " and ".join(parts) if parts else "")


def _named(node: Node) -> str:
    return f"`{node.path}` ({node.origin.span.source.name}:{node.origin.span.line})"


def _maker(tensor: Tensor, part: Callable[[Tensor], tuple[int, ...]]) -> Node | None:
    """The nearest layer above whose output differs in a part of its shape from what it reads."""
    node = tensor.producer
    while node is not None and node.inputs:
        if part(node.output) != part(node.inputs[0]):
            return node if node.inputs[0].shape.batched else None
        node = node.inputs[0].producer
    return None


def within(diagnostic: Diagnostic, origin: Origin | None) -> Diagnostic:
    """The diagnostic with the calls of blocks that led to it, the innermost first; one that calls itself once."""
    calls: dict[Span, int] = {}
    while origin is not None:
        calls[origin.span] = calls.get(origin.span, 0) + 1
        origin = origin.parent
    labels = [Label(s, "in this call" + f", {n} deep" * (n > 1)) for s, n in list(calls.items())[:CALLS]]
    return replace(diagnostic, secondary=(*diagnostic.secondary, *labels)) if labels else diagnostic
