"""Weights such that a network computes with numbers as a trained one does, without a file of trained ones."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

SHIFT = 1.5  # deviations


def images(count: int, shape: tuple[int, ...], seed: int = 0) -> Tensor:
    """Smooth random fields in the channels' means and deviations of 0 and 1: (count, channels, height, width)."""
    generator = torch.Generator().manual_seed(seed)
    channels, height, width = shape
    made = torch.zeros(count, channels, height, width)
    for size in (2, 4, 8, 16, 32):  # halves in amplitude from octave to octave, as natural images about do
        coarse = torch.randn(count, channels, size, size, generator=generator)
        made += nn.functional.interpolate(coarse, (height, width), mode="bilinear") / size
    return (made - made.mean((0, 2, 3), keepdim=True)) / made.std((0, 2, 3), keepdim=True)


def measured(module: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """The module's state_dict with the running statistics that the images have in it: (N, …) in its input's shape.

    A network of random weights has running means of 0 and variances of 1, with which its numbers grow or vanish from
    layer to layer. It is in eval mode afterwards.
    """
    norms = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    module.eval()
    for norm in norms:
        norm.train()
        norm.momentum = 1.0
        if norm.affine:
            nn.init.constant_(norm.bias, SHIFT)
    with torch.no_grad():
        module(x)
    module.eval()
    return module.state_dict()


def arrays(state: Mapping[str, Tensor]) -> dict[str, object]:
    """The tensors as arrays."""
    return {key: value.numpy() for key, value in state.items()}
