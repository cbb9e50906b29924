"""EfficientNetB6: EfficientNet.

Tan and Le, EfficientNet, Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019, tables 1 and 2;
resolutions and batch norms as in torchvision

Written by archc 0.1.0 from specs/models/efficientnet.yaml:efficientnet_b6 (sha256 7f50b30f85ef).
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
            ConvBn(3, 56, kernel=3, stride=2),
            nn.Sequential(
                MBConv(56, 56, 32, 3, 14, 0.0),
                MBConv(32, 32, 32, 3, 8, 0.0044444444444444444),
                MBConv(32, 32, 32, 3, 8, 0.008888888888888889),
            ),
            nn.Sequential(
                MBConv(32, 192, 40, 3, 8, 0.013333333333333336, stride=2),
                MBConv(40, 240, 40, 3, 10, 0.017777777777777778),
                MBConv(40, 240, 40, 3, 10, 0.022222222222222223),
                MBConv(40, 240, 40, 3, 10, 0.026666666666666672),
                MBConv(40, 240, 40, 3, 10, 0.031111111111111114),
                MBConv(40, 240, 40, 3, 10, 0.035555555555555556),
            ),
            nn.Sequential(
                MBConv(40, 240, 72, 5, 10, 0.04, stride=2),
                MBConv(72, 432, 72, 5, 18, 0.044444444444444446),
                MBConv(72, 432, 72, 5, 18, 0.04888888888888889),
                MBConv(72, 432, 72, 5, 18, 0.053333333333333344),
                MBConv(72, 432, 72, 5, 18, 0.05777777777777778),
                MBConv(72, 432, 72, 5, 18, 0.06222222222222223),
            ),
            nn.Sequential(
                MBConv(72, 432, 144, 3, 18, 0.06666666666666667, stride=2),
                MBConv(144, 864, 144, 3, 36, 0.07111111111111111),
                MBConv(144, 864, 144, 3, 36, 0.07555555555555557),
                MBConv(144, 864, 144, 3, 36, 0.08),
                MBConv(144, 864, 144, 3, 36, 0.08444444444444445),
                MBConv(144, 864, 144, 3, 36, 0.08888888888888889),
                MBConv(144, 864, 144, 3, 36, 0.09333333333333334),
                MBConv(144, 864, 144, 3, 36, 0.09777777777777778),
            ),
            nn.Sequential(
                MBConv(144, 864, 200, 5, 36, 0.10222222222222223),
                MBConv(200, 1200, 200, 5, 50, 0.10666666666666669),
                MBConv(200, 1200, 200, 5, 50, 0.1111111111111111),
                MBConv(200, 1200, 200, 5, 50, 0.11555555555555556),
                MBConv(200, 1200, 200, 5, 50, 0.12000000000000001),
                MBConv(200, 1200, 200, 5, 50, 0.12444444444444445),
                MBConv(200, 1200, 200, 5, 50, 0.12888888888888891),
                MBConv(200, 1200, 200, 5, 50, 0.13333333333333333),
            ),
            nn.Sequential(
                MBConv(200, 1200, 344, 5, 50, 0.13777777777777778, stride=2),
                MBConv(344, 2064, 344, 5, 86, 0.14222222222222222),
                MBConv(344, 2064, 344, 5, 86, 0.14666666666666667),
                MBConv(344, 2064, 344, 5, 86, 0.15111111111111114),
                MBConv(344, 2064, 344, 5, 86, 0.15555555555555556),
                MBConv(344, 2064, 344, 5, 86, 0.16),
                MBConv(344, 2064, 344, 5, 86, 0.16444444444444445),
                MBConv(344, 2064, 344, 5, 86, 0.1688888888888889),
                MBConv(344, 2064, 344, 5, 86, 0.17333333333333334),
                MBConv(344, 2064, 344, 5, 86, 0.17777777777777778),
                MBConv(344, 2064, 344, 5, 86, 0.18222222222222226),
            ),
            nn.Sequential(
                MBConv(344, 2064, 576, 3, 86, 0.18666666666666668),
                MBConv(576, 3456, 576, 3, 144, 0.1911111111111111),
                MBConv(576, 3456, 576, 3, 144, 0.19555555555555557),
            ),
            ConvBn(576, 2304),
        )


class EfficientNetB6(nn.Module):
    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.features = EfficientFeatures()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(2304, num_classes))
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
