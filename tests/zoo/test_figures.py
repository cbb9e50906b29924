"""Parameters, state_dict entries and multiply-adds of torchvision's classical families."""

from __future__ import annotations

import pytest

import archc
from tests.zoo.reference import FIGURES, NAMES


@pytest.mark.parametrize("name", NAMES)
def test_figures_are_torchvision_s(name: str) -> None:
    graph = archc.compile(name).graph
    (image,) = graph.inputs.values()
    trained = (e.weight.shape for e in graph.state if not e.weight.buffer)
    figures = {
        "input": list(image.shape.dims),
        "params": sum(_size(shape) for shape in trained),
        "keys": len(graph.state),
        "macs": sum(node.macs for node in graph.live("eval")),
    }
    assert figures == FIGURES[name]


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size
