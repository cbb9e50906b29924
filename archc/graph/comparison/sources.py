"""Where the inputs of layers come from, told so that two networks can be compared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archc.graph.comparison.match import Match
from archc.graph.graph import Child, Tensor, tensors


class Sources:
    """Names of tensors that are equal where two matched networks read the same.

    A tensor is named by the outermost child that gives it and does not hold its reader. What has no partner and one
    input is looked through: a layer that was put into a chain, or taken out, rewires nothing but itself.
    """

    def __init__(self, match: Match) -> None:
        self._match = match
        self._names = {child: i for i, pair in enumerate(match.to_b.items()) for child in pair}

    def of(self, tensor: Tensor, reader: Child) -> Any:
        """What ``reader`` reads there."""
        while tensor.producer is not None:
            through = None
            for child, place in _givers(tensor, reader):
                if child in self._names:
                    return self._names[child], place
                inputs = tensors(*child.inputs)
                if len(inputs) == 1 and self._match.pure(child):
                    through = inputs[0]
                    break
            if through is None:
                return "only here", tensor.producer.path, tensor.index
            tensor = through
        return "input", tensor.name


def _givers(tensor: Tensor, reader: Child) -> Iterator[tuple[Child, int]]:
    """Children that give the tensor, with its place among what they give; from the outermost to the node."""
    around = {reader, *reader.parent.upwards()} if reader.parent is not None else {reader}
    assert tensor.producer is not None
    chain = [m for m in tensor.producer.parent.upwards() if m not in around and m.parent is not None]
    for module in reversed(chain):
        place = next((i for i, t in enumerate(module.outputs) if t is tensor), None)
        if place is not None:
            yield module, place
    yield tensor.producer, tensor.index
