"""Bands: which positions along one axis of an input each position of a tensor depends on.

After windows and strides alone, position ``j`` depends on ``first + j * stride`` to ``last + j * stride``: the triple
(size, stride, start) of Araujo et al., Distill 2019. After an upsampling by 2, even and odd positions differ; so a
band holds one pair for each of the positions that differ, and by how much the pairs move on after all of them.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor, lcm
from typing import NamedTuple

from archc.ops.base import Reach

Length = int | Fraction
MOST_PHASES = 64  # more are taken as one, by the narrowest band that holds them


class Band(NamedTuple):
    """Position ``k * len(phases) + r`` depends on ``phases[r]``, (first, last), moved on by ``k * shift``.

    ``whole`` says that it depends on the whole axis; the phases then keep the stride alone.
    """

    axis: int
    phases: tuple[tuple[Length, Length], ...] = ((0, 0),)
    shift: Length = 1
    whole: bool = False

    @property
    def size(self) -> int | None:
        """How many positions the widest one depends on; None for all."""
        return None if self.whole else max(floor(last - first) for first, last in self.phases) + 1

    @property
    def stride(self) -> Length:
        """From one position to the next, in positions of the input, on average."""
        if len(self.phases) == 1:
            return self.shift
        stride = Fraction(self.shift, len(self.phases))
        return int(stride) if stride.denominator == 1 else stride

    def at(self, position: int) -> tuple[Length, Length]:
        """(first, last) for one position, which may lie outside of the map."""
        turns, phase = divmod(position, len(self.phases))
        first, last = self.phases[phase]
        return first + turns * self.shift, last + turns * self.shift

    def through(self, reach: Reach) -> Band:
        """The band of an op's output, from that of its input."""
        if len(self.phases) == 1 and isinstance(reach.stride, int):
            return self._through_linear(reach)
        return self._through_fractions(reach)

    def _through_fractions(self, reach: Reach) -> Band:
        step = Fraction(reach.stride)
        # After so many positions of the output, those of the input have gone through all their phases.
        turns = lcm(step.numerator, len(self.phases)) // step.numerator
        count = step.denominator * turns
        if count > MOST_PHASES:
            return self._narrowest()._through_linear(reach)
        begins = [reach.start + j * step for j in range(count)]
        phases = tuple((self.at(ceil(b))[0], self.at(floor(b + reach.size - 1))[1]) for b in begins)
        return Band(self.axis, phases, self.shift * (step.numerator * turns // len(self.phases)), self.whole)

    def _through_linear(self, reach: Reach) -> Band:
        """The triple's rule, for one phase."""
        ((first, last),) = self.phases
        start = reach.start * self.shift
        moved = (first + start, last + start + (reach.size - 1) * self.shift)
        return Band(self.axis, (moved,), self.shift * reach.stride, self.whole)

    def _narrowest(self) -> Band:
        """The narrowest band of one phase that holds this one."""
        stride = self.stride
        first = min(first - r * stride for r, (first, _) in enumerate(self.phases))
        last = max(last - r * stride for r, (_, last) in enumerate(self.phases))
        return Band(self.axis, ((first, last),), stride, self.whole)

    def union(self, other: Band, positions: int) -> Band:
        """The narrowest band that holds both, for a map of so many positions; at this one's stride if theirs differ."""
        if self.whole or other.whole:
            return self._replace(whole=True)
        if self.stride != other.stride:
            return self._drifting(other, positions)
        count = lcm(len(self.phases), len(other.phases))
        if count > MOST_PHASES:
            return self._narrowest().union(other._narrowest(), positions)
        pairs = ((self.at(j), other.at(j)) for j in range(count))
        phases = tuple((min(a[0], b[0]), max(a[1], b[1])) for a, b in pairs)
        return Band(self.axis, phases, self.shift * (count // len(self.phases)))

    def _drifting(self, other: Band, positions: int) -> Band:
        """Bands that drift apart are furthest apart at the first or the last position."""
        a, b = self._narrowest(), other._narrowest()
        ((first, last),), ((other_first, other_last),) = a.phases, b.phases
        drift = (b.shift - a.shift) * (positions - 1)
        first = min(first, other_first, other_first + drift)
        last = max(last, other_last, other_last + drift)
        return Band(self.axis, ((first, last),), a.shift)
