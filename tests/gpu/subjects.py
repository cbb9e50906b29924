"""Networks with weights that make their numbers neither vanish nor grow, and images to give them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from archc.graph.graph import Graph
from archc.network import Weighted
from tests.gpu.scope import compiled
from tests.support.statistics import arrays, images, measured

FITTED = 4  # images that the statistics of batch norms are measured on


def weighted(network: str, size: int | None) -> Weighted:
    """The network with random weights, and batch norms of the statistics that they see; each time the same."""
    found = compiled(network, size)
    torch.manual_seed(0)
    return found.load_weights(arrays(measured(found.module(), images(FITTED, shape(found.graph)))))


def shape(graph: Graph) -> tuple[int, ...]:
    """Of the one input, without the batch."""
    (given,) = graph.inputs.values()
    return given.shape.dims


def batch(graph: Graph, size: int) -> dict[str, NDArray[Any]]:
    """So many images by the name of the input, others than the weights were fitted to."""
    (name,) = graph.inputs
    return {name: images(size, shape(graph), seed=1).numpy()}


def error(found: Sequence[NDArray[Any]], wanted: Sequence[NDArray[Any]]) -> float:
    """The largest ‖a − b‖ / ‖b‖ of the outputs; infinite where a shape differs or there is anything but numbers."""
    if [a.shape for a in found] != [b.shape for b in wanted]:
        return float("inf")
    return max(map(_error, found, wanted), default=0.0)


def _error(found: NDArray[Any], wanted: NDArray[Any]) -> float:
    a, b = found.astype(np.float64), wanted.astype(np.float64)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("inf")
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))
