"""One thing to compare on: some samples, and what is expected of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archc.backends.weights import Array

Outputs = Mapping[str, Array]


@dataclass(frozen=True)
class Case:
    """A batch of ``samples`` (``random`` or ``images``), by input, and what is expected, by output."""

    samples: str
    batch: int
    inputs: Mapping[str, Array]
    expected: Outputs
