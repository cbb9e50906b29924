"""Networks for these tests, each as a graph and as the torch module that it stands for."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from archc.backends.weights import Array
from archc.graph.graph import Graph
from tests.support.builder import Builder


def residual(**fields: Any) -> Graph:
    """Three batch norms: two after convolutions, one of them feeding a sum; one before a convolution."""
    b = Builder("residual", [3, 12, 10])
    b.add("conv1", "conv", 8, 3, stride=2, padding=1, bias=False)
    b.add("bn1", "batch_norm")
    x = b.add("relu", "relu")
    with b.module("block"):
        b.add("bn", "batch_norm")
        b.add("conv", "conv", 8, 3, padding=1, groups=2)
        y = b.add("bn2", "batch_norm")
    b.add("sum", "add", on=[y, x])
    b.add("relu2", "relu")
    b.add("avgpool", "global_avg_pool")
    b.add("flatten", "flatten")
    b.add("dropout", "dropout", 0.3)
    b.add("fc", "linear", 5)
    return b.graph({"logits": b.prev}, **fields)


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.block = nn.ModuleDict(
            {"bn": nn.BatchNorm2d(8), "conv": nn.Conv2d(8, 8, 3, 1, 1, groups=2), "bn2": nn.BatchNorm2d(8)}
        )
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn1(self.conv1(x)).relu()
        y = self.block["bn2"](self.block["conv"](self.block["bn"](x)))
        return self.fc((y + x).relu().mean((2, 3)))


def perturbed(module: nn.Module, seed: int = 0) -> nn.Module:
    """The module with random weights, running statistics and gains among them, in eval mode."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in module.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.3, 3.0, generator=generator)
        elif value.is_floating_point():
            value.normal_(0.0, 0.5, generator=generator)
    return module.eval()


def arrays(module: nn.Module) -> dict[str, Array]:
    return {key: value.numpy() for key, value in module.state_dict().items()}


def difference(a: Array, b: Array) -> float:
    """‖a − b‖ / ‖b‖."""
    return float(np.linalg.norm(np.float64(a) - np.float64(b)) / np.linalg.norm(np.float64(b)))
