"""DenseNetD2l: A small DenseNet for Fashion-MNIST.

Huang et al., Densely Connected Convolutional Networks, CVPR 2017; sizes of Zhang et al., Dive into Deep Learning,
section 8.7

Written by archc 0.1.0 from specs/models/densenet_d2l.yaml:densenet_d2l (sha256 fbfbd89c1a35).
Edit the spec, not this file.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn


class SimpleDenseLayer(nn.Module):
    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(in_channels, 32, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.conv(self.relu(self.norm(x)))], 1)


class Transition(nn.Module):
    def __init__(self, in_channels: int, out: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(in_channels, out, 1)
        self.pool = nn.AvgPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.conv(self.relu(self.norm(x))))


class DenseNetD2l(nn.Module):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.b1 = nn.Sequential(
            nn.Conv2d(1, 64, 7, stride=2, padding=3),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        self.dense_blk1 = nn.Sequential(
            OrderedDict((f"denselayer{i + 1}", SimpleDenseLayer(64 + 32 * i)) for i in range(4))
        )
        self.tran_blk1 = Transition(192, 96)
        self.dense_blk2 = nn.Sequential(
            OrderedDict((f"denselayer{i + 1}", SimpleDenseLayer(96 + 32 * i)) for i in range(4))
        )
        self.tran_blk2 = Transition(224, 112)
        self.dense_blk3 = nn.Sequential(
            OrderedDict((f"denselayer{i + 1}", SimpleDenseLayer(112 + 32 * i)) for i in range(4))
        )
        self.tran_blk3 = Transition(240, 120)
        self.dense_blk4 = nn.Sequential(
            OrderedDict((f"denselayer{i + 1}", SimpleDenseLayer(120 + 32 * i)) for i in range(4))
        )
        self.norm = nn.BatchNorm2d(248)
        self.relu = nn.ReLU(inplace=True)
        self.last = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(248, num_classes))
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.xavier_uniform_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = self.dense_blk2(self.tran_blk1(self.dense_blk1(self.b1(x))))
        x = self.tran_blk2(x)
        x = self.dense_blk3(x)
        x = self.tran_blk3(x)
        x = self.relu(self.norm(self.dense_blk4(x)))
        return self.last(x)
