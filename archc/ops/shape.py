"""The shape of one tensor, the batch left symbolic."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from archc.display.numbers import by_axis


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a tensor's axes.

    ``dims`` leaves the batch out where ``batched`` (``Shape((64, 56, 56))`` is N × 64 × 56 × 56).
    A ``parameter`` has no batch axis: its ``dims`` are all its axes, and ``batched`` is false.
    """

    dims: tuple[int, ...]
    batched: bool = True

    @property
    def channels(self) -> int:
        """Size of axis 1 (axis 0 being the batch, where there is one)."""
        return self.dims[0] if self.batched else self.dims[1]

    @property
    def spatial(self) -> tuple[int, ...]:
        """What follows the channels: height and width of a map, length of a sequence, or nothing."""
        return self.dims[1:]

    @property
    def rank(self) -> int:
        """Number of axes, the batch counted where there is one."""
        return len(self.dims) + self.batched

    @property
    def numel(self) -> int:
        """Numbers in one sample."""
        return prod(self.dims)

    def __str__(self) -> str:
        return by_axis(self.dims)
