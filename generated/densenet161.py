"""DenseNet161: DenseNet with bottlenecks and compression.

Huang et al., Densely Connected Convolutional Networks, CVPR 2017, table 1

Written by archc 0.1.0 from specs/models/densenet.yaml:densenet161 (sha256 7e98e002dc55).
Edit the spec, not this file.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn


class DenseLayer(nn.Module):
    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(in_channels, 192, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(192)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(192, 48, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv1(self.relu1(self.norm1(x))))
        return torch.cat([x, self.conv2(self.relu2(y))], 1)


class Transition(nn.Module):
    def __init__(self, in_channels: int, out: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(in_channels, out, 1, bias=False)
        self.pool = nn.AvgPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.conv(self.relu(self.norm(x))))


class DenseNet161(nn.Module):
    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.features = nn.Sequential(
            OrderedDict(
                conv0=nn.Conv2d(3, 96, 7, stride=2, padding=3, bias=False),
                norm0=nn.BatchNorm2d(96),
                relu0=nn.ReLU(inplace=True),
                pool0=nn.MaxPool2d(3, stride=2, padding=1),
                denseblock1=nn.Sequential(
                    OrderedDict((f"denselayer{i + 1}", DenseLayer(96 + 48 * i)) for i in range(6))
                ),
                transition1=Transition(384, 192),
                denseblock2=nn.Sequential(
                    OrderedDict((f"denselayer{i + 1}", DenseLayer(192 + 48 * i)) for i in range(12))
                ),
                transition2=Transition(768, 384),
                denseblock3=nn.Sequential(
                    OrderedDict((f"denselayer{i + 1}", DenseLayer(384 + 48 * i)) for i in range(36))
                ),
                transition3=Transition(2112, 1056),
                denseblock4=nn.Sequential(
                    OrderedDict((f"denselayer{i + 1}", DenseLayer(1056 + 48 * i)) for i in range(24))
                ),
                norm5=nn.BatchNorm2d(2208),
            )
        )
        self.relu = nn.ReLU(inplace=True)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Linear(2208, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
            elif isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.flatten(self.avgpool(self.relu(self.features(x))))
        return self.classifier(x)
