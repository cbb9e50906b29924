"""EfficientNetB3: EfficientNet.

Tan and Le, EfficientNet, Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019, tables 1 and 2;
resolutions and batch norms as in torchvision

Written by archc 0.1.0 from specs/models/efficientnet.yaml:efficientnet_b3 (sha256 7f50b30f85ef).
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
            nn.BatchNorm2d(out),
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
            ConvBn(3, 40, kernel=3, stride=2),
            nn.Sequential(MBConv(40, 40, 24, 3, 10, 0.0), MBConv(24, 24, 24, 3, 6, 0.007692307692307693)),
            nn.Sequential(
                MBConv(24, 144, 32, 3, 6, 0.015384615384615385, stride=2),
                MBConv(32, 192, 32, 3, 8, 0.02307692307692308),
                MBConv(32, 192, 32, 3, 8, 0.03076923076923077),
            ),
            nn.Sequential(
                MBConv(32, 192, 48, 5, 8, 0.038461538461538464, stride=2),
                MBConv(48, 288, 48, 5, 12, 0.04615384615384616),
                MBConv(48, 288, 48, 5, 12, 0.05384615384615385),
            ),
            nn.Sequential(
                MBConv(48, 288, 96, 3, 12, 0.06153846153846154, stride=2),
                MBConv(96, 576, 96, 3, 24, 0.06923076923076923),
                MBConv(96, 576, 96, 3, 24, 0.07692307692307693),
                MBConv(96, 576, 96, 3, 24, 0.08461538461538462),
                MBConv(96, 576, 96, 3, 24, 0.09230769230769233),
            ),
            nn.Sequential(
                MBConv(96, 576, 136, 5, 24, 0.1),
                MBConv(136, 816, 136, 5, 34, 0.1076923076923077),
                MBConv(136, 816, 136, 5, 34, 0.11538461538461539),
                MBConv(136, 816, 136, 5, 34, 0.12307692307692308),
                MBConv(136, 816, 136, 5, 34, 0.13076923076923078),
            ),
            nn.Sequential(
                MBConv(136, 816, 232, 5, 34, 0.13846153846153847, stride=2),
                MBConv(232, 1392, 232, 5, 58, 0.14615384615384616),
                MBConv(232, 1392, 232, 5, 58, 0.15384615384615385),
                MBConv(232, 1392, 232, 5, 58, 0.16153846153846155),
                MBConv(232, 1392, 232, 5, 58, 0.16923076923076924),
                MBConv(232, 1392, 232, 5, 58, 0.17692307692307693),
            ),
            nn.Sequential(
                MBConv(232, 1392, 384, 3, 58, 0.18461538461538465), MBConv(384, 2304, 384, 3, 96, 0.19230769230769232)
            ),
            ConvBn(384, 1536),
        )


class EfficientNetB3(nn.Module):
    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.features = EfficientFeatures()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Sequential(nn.Dropout(0.3), nn.Linear(1536, num_classes))
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
