"""SqueezeNet1_1: SqueezeNet.

Iandola et al., SqueezeNet, 2016, arXiv 1602.07360, table 1; 1.1 from the authors' repository

Written by archc 0.1.0 from specs/models/squeezenet.yaml:squeezenet1_1 (sha256 9fc3fb50c4ec).
Edit the spec, not this file.
"""

import torch
from torch import Tensor, nn


class Fire(nn.Module):
    def __init__(self, in_channels: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(in_channels, squeeze, 1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        squeeze_activation = self.squeeze_activation(self.squeeze(x))
        expand1x1_activation = self.expand1x1_activation(self.expand1x1(squeeze_activation))
        expand3x3_activation = self.expand3x3_activation(self.expand3x3(squeeze_activation))
        return torch.cat([expand1x1_activation, expand3x3_activation], 1)


class SqueezeNet1_1(nn.Module):
    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 3, stride=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            Fire(64, 16, 64),
            Fire(128, 16, 64),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            Fire(128, 32, 128),
            Fire(256, 32, 128),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            Fire(256, 48, 192),
            Fire(384, 48, 192),
            Fire(384, 64, 256),
            Fire(512, 64, 256),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(), nn.Conv2d(512, num_classes, 1), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1)
        )
        self.flatten = nn.Flatten()
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        nn.init.normal_(self.get_parameter("classifier.1.weight"), std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        return self.flatten(self.classifier(self.features(x)))
