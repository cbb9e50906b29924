"""EfficientNetB2: EfficientNet.

Tan and Le, EfficientNet, Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019, tables 1 and 2;
resolutions and batch norms as in torchvision

Written by archc 0.1.0 from specs/models/efficientnet.yaml:efficientnet_b2 (sha256 7f50b30f85ef).
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
            ConvBn(3, 32, kernel=3, stride=2),
            nn.Sequential(MBConv(32, 32, 16, 3, 8, 0.0), MBConv(16, 16, 16, 3, 4, 0.008695652173913044)),
            nn.Sequential(
                MBConv(16, 96, 24, 3, 4, 0.017391304347826087, stride=2),
                MBConv(24, 144, 24, 3, 6, 0.026086956521739136),
                MBConv(24, 144, 24, 3, 6, 0.034782608695652174),
            ),
            nn.Sequential(
                MBConv(24, 144, 48, 5, 6, 0.043478260869565216, stride=2),
                MBConv(48, 288, 48, 5, 12, 0.05217391304347827),
                MBConv(48, 288, 48, 5, 12, 0.06086956521739131),
            ),
            nn.Sequential(
                MBConv(48, 288, 88, 3, 12, 0.06956521739130435, stride=2),
                MBConv(88, 528, 88, 3, 22, 0.0782608695652174),
                MBConv(88, 528, 88, 3, 22, 0.08695652173913043),
                MBConv(88, 528, 88, 3, 22, 0.09565217391304348),
            ),
            nn.Sequential(
                MBConv(88, 528, 120, 5, 22, 0.10434782608695654),
                MBConv(120, 720, 120, 5, 30, 0.11304347826086956),
                MBConv(120, 720, 120, 5, 30, 0.12173913043478261),
                MBConv(120, 720, 120, 5, 30, 0.13043478260869565),
            ),
            nn.Sequential(
                MBConv(120, 720, 208, 5, 30, 0.1391304347826087, stride=2),
                MBConv(208, 1248, 208, 5, 52, 0.14782608695652175),
                MBConv(208, 1248, 208, 5, 52, 0.1565217391304348),
                MBConv(208, 1248, 208, 5, 52, 0.16521739130434784),
                MBConv(208, 1248, 208, 5, 52, 0.17391304347826086),
            ),
            nn.Sequential(
                MBConv(208, 1248, 352, 3, 52, 0.1826086956521739), MBConv(352, 2112, 352, 3, 88, 0.19130434782608696)
            ),
            ConvBn(352, 1408),
        )


class EfficientNetB2(nn.Module):
    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.features = EfficientFeatures()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Sequential(nn.Dropout(0.3), nn.Linear(1408, num_classes))
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
