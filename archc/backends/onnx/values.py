"""The numbers of a node's weights as ONNX gets them, read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from numpy.typing import NDArray

from archc.graph.graph import Node

Array = NDArray[Any]
Form = tuple[tuple[int, ...], str]  # shape and dtype


class Values(Mapping[str, Array]):
    """Name of a weight in its op → its numbers. Forms are known without reading."""

    def __init__(self, forms: Mapping[str, Form], read: Callable[[str], Array]) -> None:
        self.forms, self.read = dict(forms), read

    def __getitem__(self, name: str) -> Array:
        return self.read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.forms)

    def __len__(self) -> int:
        return len(self.forms)

    def __contains__(self, name: object) -> bool:
        return name in self.forms


def of_node(node: Node, state: Mapping[str, Array]) -> Values:
    """The weights of a node, read from a state_dict."""
    forms = {name: (weight.shape, weight.dtype) for name, weight in node.weights.items()}
    return Values(forms, lambda name: state[node.key(name)])


def of_arrays(arrays: Mapping[str, Array]) -> Values:
    """Weights that are at hand."""
    return Values({name: (a.shape, a.dtype.name) for name, a in arrays.items()}, arrays.__getitem__)
