"""EfficientNetV2S: EfficientNetV2.

Tan and Le, EfficientNetV2, Smaller Models and Faster Training, ICML 2021, table 4; M and L as in the authors'
repository

Written by archc 0.1.0 from specs/models/efficientnet_v2.yaml:efficientnet_v2_s (sha256 92d1355a4aef).
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
            nn.BatchNorm2d(out, eps=0.001),
            *([nn.SiLU(inplace=True)] if silu else []),
        )


class FusedMBConv(nn.Module):
    def __init__(self, in_channels: int, out: int, expand: int, drop: float, stride: int = 1) -> None:
        super().__init__()
        self.residual = stride == 1 and in_channels == out
        self.block = nn.Sequential(
            ConvBn(in_channels, in_channels * expand, kernel=3, stride=stride),
            *([ConvBn(in_channels * expand, out, silu=False)] if expand != 1 else []),
        )
        if self.residual:
            self.stochastic_depth = DropPath(drop)

    def forward(self, x: Tensor) -> Tensor:
        block = self.block(x)
        if self.residual:
            block = self.stochastic_depth(block)
            block += x
        return block


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
    def __init__(self, in_channels: int, hidden: int, out: int, squeeze: int, drop: float, stride: int = 1) -> None:
        super().__init__()
        self.residual = stride == 1 and in_channels == out
        self.block = nn.Sequential(
            ConvBn(in_channels, hidden),
            ConvBn(hidden, hidden, kernel=3, stride=stride, groups=hidden),
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


class EfficientNetV2S(nn.Module):
    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.features = nn.Sequential(
            ConvBn(3, 24, kernel=3, stride=2),
            nn.Sequential(FusedMBConv(24, 24, 1, 0.0), FusedMBConv(24, 24, 1, 0.005)),
            nn.Sequential(
                FusedMBConv(24, 48, 4, 0.01, stride=2),
                FusedMBConv(48, 48, 4, 0.015000000000000003),
                FusedMBConv(48, 48, 4, 0.02),
                FusedMBConv(48, 48, 4, 0.025),
            ),
            nn.Sequential(
                FusedMBConv(48, 64, 4, 0.030000000000000006, stride=2),
                FusedMBConv(64, 64, 4, 0.035),
                FusedMBConv(64, 64, 4, 0.04),
                FusedMBConv(64, 64, 4, 0.045),
            ),
            nn.Sequential(
                MBConv(64, 256, 128, 16, 0.05, stride=2),
                MBConv(128, 512, 128, 32, 0.05500000000000001),
                MBConv(128, 512, 128, 32, 0.06000000000000001),
                MBConv(128, 512, 128, 32, 0.065),
                MBConv(128, 512, 128, 32, 0.07),
                MBConv(128, 512, 128, 32, 0.075),
            ),
            nn.Sequential(
                MBConv(128, 768, 160, 32, 0.08),
                MBConv(160, 960, 160, 40, 0.085),
                MBConv(160, 960, 160, 40, 0.09),
                MBConv(160, 960, 160, 40, 0.095),
                MBConv(160, 960, 160, 40, 0.1),
                MBConv(160, 960, 160, 40, 0.10500000000000001),
                MBConv(160, 960, 160, 40, 0.11000000000000001),
                MBConv(160, 960, 160, 40, 0.11500000000000002),
                MBConv(160, 960, 160, 40, 0.12000000000000002),
            ),
            nn.Sequential(
                MBConv(160, 960, 256, 40, 0.125, stride=2),
                MBConv(256, 1536, 256, 64, 0.13),
                MBConv(256, 1536, 256, 64, 0.135),
                MBConv(256, 1536, 256, 64, 0.14),
                MBConv(256, 1536, 256, 64, 0.14500000000000002),
                MBConv(256, 1536, 256, 64, 0.15),
                MBConv(256, 1536, 256, 64, 0.155),
                MBConv(256, 1536, 256, 64, 0.16),
                MBConv(256, 1536, 256, 64, 0.165),
                MBConv(256, 1536, 256, 64, 0.17),
                MBConv(256, 1536, 256, 64, 0.175),
                MBConv(256, 1536, 256, 64, 0.18),
                MBConv(256, 1536, 256, 64, 0.185),
                MBConv(256, 1536, 256, 64, 0.19),
                MBConv(256, 1536, 256, 64, 0.195),
            ),
            ConvBn(256, 1280),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, num_classes))
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
