"""Networks with weights that make their numbers neither vanish nor grow, and images to give them."""

from __future__ import annotations

from archc.graph.graph import Graph
from archc.network import Weighted
from archc.verification.samples import Arrays, random_samples, tensors
from archc.verification.weights import lively
from tests.gpu.scope import compiled

SEED = 0
FITTED = 16  # images that weights are fitted to


def weighted(network: str, size: int | None) -> Weighted:
    """The network with the random weights that ``archc verify`` makes; each time the same."""
    found = compiled(network, size)
    fitted = random_samples(found.graph, FITTED, SEED)
    return found.load_weights(lively(found.graph, tensors(fitted.arrays), SEED))


def batch(graph: Graph, size: int) -> Arrays:
    """So many images by the name of the input, others than the weights were fitted to."""
    return random_samples(graph, size, SEED + 1).arrays
