"""Nin: Network in Network for Fashion-MNIST.

Lin, Chen and Yan, Network In Network, ICLR 2014; sizes of Zhang et al., Dive into Deep Learning, section 8.3

Written by archc 0.1.0 from specs/models/nin.yaml:nin (sha256 1da3bd937ac8).
Edit the spec, not this file.
"""

from torch import Tensor, nn


class NinBlock(nn.Sequential):
    def __init__(self, in_channels: int, out: int, kernel: int, padding: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out, kernel, stride=stride, padding=padding),
            nn.ReLU(inplace=True),
            nn.Conv2d(out, out, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(out, out, 1),
            nn.ReLU(inplace=True),
        )


class Nin(nn.Module):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(
            NinBlock(1, 96, 11, 0, stride=4),
            nn.MaxPool2d(3, stride=2),
            NinBlock(96, 256, 5, 2),
            nn.MaxPool2d(3, stride=2),
            NinBlock(256, 384, 3, 1),
            nn.MaxPool2d(3, stride=2),
        )
        self.dropout = nn.Dropout()
        self.classifier = NinBlock(384, num_classes, 3, 1)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_uniform_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = self.avgpool(self.classifier(self.dropout(self.features(x))))
        return self.flatten(x)
