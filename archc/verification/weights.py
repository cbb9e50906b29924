"""Weights with which a network computes as a trained one does, without a file of trained ones.

As a spec's `init` leaves them, numbers grow or vanish from layer to layer of a deep network, batch norms do nothing,
and a back end that forgot a bias of zeros, or a scale of ones, would not be found out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from archc.backends.init import InitialValues
from archc.backends.weights import Array
from archc.graph.graph import Graph, Node
from archc.verification.layers import Layer, walk

HOW = "layers scaled to a variance of 1 on random images (LSUV), batch norms measured on them"
NOISE = 0.2  # the range of what is added to weights that start as a constant
SHIFT = 2.0  # deviations by which batch norms lift what they give
_LEAST = 1e-6  # the deviation of what is taken for one number


def lively(graph: Graph, images: Mapping[str, Tensor], seed: int) -> dict[str, Array]:
    """The graph's state: drawn by ``init`` from the seed, then fitted to the images, layer by layer.

    What convolutions and linear layers give is scaled to a variance of 1 (Mishkin and Matas, All You Need Is a Good
    Init, arXiv:1511.06422, algorithm 1, without its orthogonal start), and batch norms have the running statistics of
    what they see. They lift it, so that most of it passes a ReLU after them: where half is cut off, a deep network of
    random weights is chaotic, as no trained one is, and makes a hundredfold of any rounding.
    """
    rng = np.random.default_rng(seed)
    state = {key: perturbed(value, rng) for key, value in InitialValues(graph, seed).items()}
    with torch.no_grad():
        for _ in walk(graph, images, lambda node: _Fitting(node, state)):
            pass
    return state


def perturbed(value: Array, rng: np.random.Generator) -> Array:
    """The weight; where it is a constant, with numbers around it."""
    if value.dtype.kind != "f" or not value.size or (value != value.flat[0]).any():
        return value
    return value + (NOISE * (rng.random(value.shape) - 0.5)).astype(value.dtype)


@dataclass(frozen=True)
class _Fitting:
    """A layer that fits its weights in ``state`` to what it is given."""

    node: Node
    state: dict[str, Array]

    def __call__(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        if self._has("running_mean", "running_var"):
            self._measure(inputs[0])
        given = Layer(self.node, self.state)(inputs)
        deviation = float(given[0].std()) if self.node.macs and self._has("weight") else 0.0
        if deviation <= _LEAST:
            return given
        key = self.node.key("weight")
        self.state[key] = self.state[key] / np.float32(deviation)
        return Layer(self.node, self.state)(inputs)

    def _has(self, *names: str) -> bool:
        return all(name in self.node.weights for name in names)

    def _measure(self, x: Tensor) -> None:
        axes = [axis for axis in range(x.ndim) if axis != 1]
        self.state[self.node.key("running_mean")] = x.mean(axes).numpy()
        self.state[self.node.key("running_var")] = x.var(axes, correction=0).numpy()
        if self._has("bias"):
            key = self.node.key("bias")
            self.state[key] = self.state[key] + np.float32(SHIFT)
