"""Initialisers over a layer's fan-in and fan-out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

from archc.ops.base import Init

Fans = tuple[int, int]  # fan-in, fan-out
FAN_NAMES = ("fan_in", "fan_out")


@dataclass(frozen=True, slots=True)
class Formula:
    """An argument over ``fan_in`` and ``fan_out``, such as ``sqrt(2 / fan_out)``: what specs and Python write alike."""

    text: str


@dataclass(frozen=True, slots=True)
class FanInit:
    """An initialiser with formulas among its arguments.

    ``at`` holds what it is for each layer: fan-in and fan-out → the initialiser with numbers alone.
    """

    name: str
    args: tuple[tuple[str, float | str | Formula], ...]
    at: Mapping[Fans, Init] = field(repr=False, compare=False)


def fans(shape: tuple[int, ...]) -> Fans:
    """Of a weight as ``torch.nn.init`` counts them, of transposed convolutions too: axis 1 and axis 0 times the kernel.

    Raises ValueError where the weight has fewer than two axes.
    """
    if len(shape) < 2:
        raise ValueError(f"it needs two axes or more, this has {len(shape)}")
    field = prod(shape[2:])
    return shape[1] * field, shape[0] * field
