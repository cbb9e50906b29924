"""Networks with weights that make their numbers neither vanish nor grow, and images to give them."""

from __future__ import annotations

from archc.graph.graph import Graph
from archc.network import Weighted
from archc.verification.networks import with_random_weights
from archc.verification.samples import Arrays, random_samples
from archc.verification.sizes import shapes_of
from tests.gpu.scope import compiled

SEED = 0


def weighted(network: str, size: int | None) -> Weighted:
    """The network with the random weights that ``archc verify`` makes; each time the same."""
    return with_random_weights(compiled(network, size), SEED)


def batch(graph: Graph, size: int) -> Arrays:
    """So many images by the name of the input, others than the weights were fitted to."""
    return random_samples(shapes_of(graph), size, SEED + 1).arrays
