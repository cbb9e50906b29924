"""EfficientNetB4: EfficientNet.

Tan and Le, EfficientNet, Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019, tables 1 and 2;
resolutions and batch norms as in torchvision

Written by archc 0.1.0 from specs/models/efficientnet.yaml:efficientnet_b4 (sha256 7f50b30f85ef).
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
            ConvBn(3, 48, kernel=3, stride=2),
            nn.Sequential(MBConv(48, 48, 24, 3, 12, 0.0), MBConv(24, 24, 24, 3, 6, 0.00625)),
            nn.Sequential(
                MBConv(24, 144, 32, 3, 6, 0.0125, stride=2),
                MBConv(32, 192, 32, 3, 8, 0.018750000000000003),
                MBConv(32, 192, 32, 3, 8, 0.025),
                MBConv(32, 192, 32, 3, 8, 0.03125),
            ),
            nn.Sequential(
                MBConv(32, 192, 56, 5, 8, 0.037500000000000006, stride=2),
                MBConv(56, 336, 56, 5, 14, 0.043750000000000004),
                MBConv(56, 336, 56, 5, 14, 0.05),
                MBConv(56, 336, 56, 5, 14, 0.05625),
            ),
            nn.Sequential(
                MBConv(56, 336, 112, 3, 14, 0.0625, stride=2),
                MBConv(112, 672, 112, 3, 28, 0.06875),
                MBConv(112, 672, 112, 3, 28, 0.07500000000000001),
                MBConv(112, 672, 112, 3, 28, 0.08125),
                MBConv(112, 672, 112, 3, 28, 0.08750000000000001),
                MBConv(112, 672, 112, 3, 28, 0.09375),
            ),
            nn.Sequential(
                MBConv(112, 672, 160, 5, 28, 0.1),
                MBConv(160, 960, 160, 5, 40, 0.10625000000000001),
                MBConv(160, 960, 160, 5, 40, 0.1125),
                MBConv(160, 960, 160, 5, 40, 0.11875000000000001),
                MBConv(160, 960, 160, 5, 40, 0.125),
                MBConv(160, 960, 160, 5, 40, 0.13125),
            ),
            nn.Sequential(
                MBConv(160, 960, 272, 5, 40, 0.1375, stride=2),
                MBConv(272, 1632, 272, 5, 68, 0.14375000000000002),
                MBConv(272, 1632, 272, 5, 68, 0.15000000000000002),
                MBConv(272, 1632, 272, 5, 68, 0.15625),
                MBConv(272, 1632, 272, 5, 68, 0.1625),
                MBConv(272, 1632, 272, 5, 68, 0.16875),
                MBConv(272, 1632, 272, 5, 68, 0.17500000000000002),
                MBConv(272, 1632, 272, 5, 68, 0.18125000000000002),
            ),
            nn.Sequential(MBConv(272, 1632, 448, 3, 68, 0.1875), MBConv(448, 2688, 448, 3, 112, 0.19375)),
            ConvBn(448, 1792),
        )


class EfficientNetB4(nn.Module):
    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.features = EfficientFeatures()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Sequential(nn.Dropout(0.4), nn.Linear(1792, num_classes))
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
