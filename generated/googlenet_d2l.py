"""GoogLeNetD2l: GoogLeNet as published, without its auxiliary classifiers.

Szegedy et al., Going Deeper with Convolutions, CVPR 2015, table 1; Zhang et al., Dive into Deep Learning, section
8.4

Written by archc 0.1.0 from specs/models/googlenet_d2l.yaml:googlenet_d2l (sha256 bbadf1a1a269).
Edit the spec, not this file.
"""

import torch
from torch import Tensor, nn


class Inception(nn.Module):
    def __init__(self, in_channels: int, c1: int, c2: tuple[int, int], c3: tuple[int, int], c4: int) -> None:
        super().__init__()
        self.b1_1 = nn.Conv2d(in_channels, c1, 1)
        self.b1 = nn.ReLU(inplace=True)
        self.b2_1 = nn.Conv2d(in_channels, c2[0], 1)
        self.b2_relu = nn.ReLU(inplace=True)
        self.b2_2 = nn.Conv2d(c2[0], c2[1], 3, padding=1)
        self.b2 = nn.ReLU(inplace=True)
        self.b3_1 = nn.Conv2d(in_channels, c3[0], 1)
        self.b3_relu = nn.ReLU(inplace=True)
        self.b3_2 = nn.Conv2d(c3[0], c3[1], 5, padding=2)
        self.b3 = nn.ReLU(inplace=True)
        self.b4_1 = nn.MaxPool2d(3, stride=1, padding=1)
        self.b4_2 = nn.Conv2d(in_channels, c4, 1)
        self.b4 = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        b1 = self.b1(self.b1_1(x))
        b2 = self.b2(self.b2_2(self.b2_relu(self.b2_1(x))))
        b3 = self.b3(self.b3_2(self.b3_relu(self.b3_1(x))))
        b4 = self.b4(self.b4_2(self.b4_1(x)))
        return torch.cat([b1, b2, b3, b4], 1)


class GoogLeNetD2l(nn.Module):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.b1 = nn.Sequential(
            nn.Conv2d(1, 64, 7, stride=2, padding=3), nn.ReLU(inplace=True), nn.MaxPool2d(3, stride=2, padding=1)
        )
        self.b2 = nn.Sequential(
            nn.Conv2d(64, 64, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(64, 192, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        self.b3 = nn.Sequential(
            Inception(192, 64, (96, 128), (16, 32), 32),
            Inception(256, 128, (128, 192), (32, 96), 64),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        self.b4 = nn.Sequential(
            Inception(480, 192, (96, 208), (16, 48), 64),
            Inception(512, 160, (112, 224), (24, 64), 64),
            Inception(512, 128, (128, 256), (24, 64), 64),
            Inception(512, 112, (144, 288), (32, 64), 64),
            Inception(528, 256, (160, 320), (32, 128), 128),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        self.b5 = nn.Sequential(
            Inception(832, 256, (160, 320), (32, 128), 128), Inception(832, 384, (192, 384), (48, 128), 128)
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(1024, num_classes)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.xavier_uniform_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = self.b4(self.b3(self.b2(self.b1(x))))
        return self.fc(self.flatten(self.avgpool(self.b5(x))))
