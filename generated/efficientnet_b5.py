"""EfficientNetB5: EfficientNet.

Tan and Le, EfficientNet, Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019, tables 1 and 2;
resolutions and batch norms as in torchvision

Written by archc 0.1.0 from specs/models/efficientnet.yaml:efficientnet_b5 (sha256 7f50b30f85ef).
Edit the spec, not this file.
"""

import math

from torch import Tensor, nn


class DropPath(nn.Module):
    """In training, zeroes whole samples with probability p and divides the others by 1 - p."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0.0:
            return x
        keep = x.new_empty((x.shape[0],) + (1,) * (x.dim() - 1)).bernoulli_(1.0 - self.p)
        if self.p < 1.0:
            keep.div_(1.0 - self.p)
        return x * keep

    def extra_repr(self) -> str:
        return f"p={self.p}"


class ConvBn(nn.Sequential):
    def __init__(
        self, in_channels: int, out: int, kernel: int = 1, stride: int = 1, groups: int = 1, *, silu: bool = True
    ) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(out, eps=0.001, momentum=0.01),
            *([nn.SiLU(inplace=True)] if silu else []),
        )


class SqueezeExcite(nn.Module):
    def __init__(self, in_channels: int, squeeze: int) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(in_channels, squeeze, 1)
        self.activation = nn.SiLU(inplace=True)
        self.fc2 = nn.Conv2d(squeeze, in_channels, 1)
        self.scale_activation = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        y = self.activation(self.fc1(self.avgpool(x)))
        return self.scale_activation(self.fc2(y)) * x


class MBConv(nn.Module):
    def __init__(
        self, in_channels: int, hidden: int, out: int, kernel: int, squeeze: int, drop: float, stride: int = 1
    ) -> None:
        super().__init__()
        self.residual = stride == 1 and in_channels == out
        self.block = nn.Sequential(
            *([ConvBn(in_channels, hidden)] if in_channels != hidden else []),
            ConvBn(hidden, hidden, kernel=kernel, stride=stride, groups=hidden),
            SqueezeExcite(hidden, squeeze),
            ConvBn(hidden, out, silu=False),
        )
        if self.residual:
            self.stochastic_depth = DropPath(drop)

    def forward(self, x: Tensor) -> Tensor:
        block = self.block(x)
        if self.residual:
            block = self.stochastic_depth(block)
            block += x
        return block


class EfficientFeatures(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            ConvBn(3, 48, kernel=3, stride=2),
            nn.Sequential(
                MBConv(48, 48, 24, 3, 12, 0.0),
                MBConv(24, 24, 24, 3, 6, 0.005128205128205128),
                MBConv(24, 24, 24, 3, 6, 0.010256410256410256),
            ),
            nn.Sequential(
                MBConv(24, 144, 40, 3, 6, 0.015384615384615387, stride=2),
                MBConv(40, 240, 40, 3, 10, 0.020512820512820513),
                MBConv(40, 240, 40, 3, 10, 0.02564102564102564),
                MBConv(40, 240, 40, 3, 10, 0.030769230769230774),
                MBConv(40, 240, 40, 3, 10, 0.0358974358974359),
            ),
            nn.Sequential(
                MBConv(40, 240, 64, 5, 10, 0.041025641025641026, stride=2),
                MBConv(64, 384, 64, 5, 16, 0.046153846153846156),
                MBConv(64, 384, 64, 5, 16, 0.05128205128205128),
                MBConv(64, 384, 64, 5, 16, 0.05641025641025642),
                MBConv(64, 384, 64, 5, 16, 0.06153846153846155),
            ),
            nn.Sequential(
                MBConv(64, 384, 128, 3, 16, 0.06666666666666667, stride=2),
                MBConv(128, 768, 128, 3, 32, 0.0717948717948718),
                MBConv(128, 768, 128, 3, 32, 0.07692307692307693),
                MBConv(128, 768, 128, 3, 32, 0.08205128205128205),
                MBConv(128, 768, 128, 3, 32, 0.08717948717948719),
                MBConv(128, 768, 128, 3, 32, 0.09230769230769231),
                MBConv(128, 768, 128, 3, 32, 0.09743589743589744),
            ),
            nn.Sequential(
                MBConv(128, 768, 176, 5, 32, 0.10256410256410256),
                MBConv(176, 1056, 176, 5, 44, 0.1076923076923077),
                MBConv(176, 1056, 176, 5, 44, 0.11282051282051284),
                MBConv(176, 1056, 176, 5, 44, 0.11794871794871796),
                MBConv(176, 1056, 176, 5, 44, 0.1230769230769231),
                MBConv(176, 1056, 176, 5, 44, 0.1282051282051282),
                MBConv(176, 1056, 176, 5, 44, 0.13333333333333333),
            ),
            nn.Sequential(
                MBConv(176, 1056, 304, 5, 44, 0.13846153846153847, stride=2),
                MBConv(304, 1824, 304, 5, 76, 0.1435897435897436),
                MBConv(304, 1824, 304, 5, 76, 0.14871794871794874),
                MBConv(304, 1824, 304, 5, 76, 0.15384615384615385),
                MBConv(304, 1824, 304, 5, 76, 0.158974358974359),
                MBConv(304, 1824, 304, 5, 76, 0.1641025641025641),
                MBConv(304, 1824, 304, 5, 76, 0.16923076923076924),
                MBConv(304, 1824, 304, 5, 76, 0.17435897435897438),
                MBConv(304, 1824, 304, 5, 76, 0.1794871794871795),
            ),
            nn.Sequential(
                MBConv(304, 1824, 512, 3, 76, 0.18461538461538463),
                MBConv(512, 3072, 512, 3, 128, 0.18974358974358976),
                MBConv(512, 3072, 512, 3, 128, 0.19487179487179487),
            ),
            ConvBn(512, 2048),
        )


class EfficientNetB5(nn.Module):
    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.features = EfficientFeatures()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Sequential(nn.Dropout(0.4), nn.Linear(2048, num_classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                bound = 1 / math.sqrt(module.out_features)
                nn.init.uniform_(module.weight, a=-bound, b=bound)
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.flatten(self.avgpool(self.features(x))))
