"""EfficientNetV2M: EfficientNetV2.

Tan and Le, EfficientNetV2, Smaller Models and Faster Training, ICML 2021, table 4; M and L as in the authors'
repository

Written by archc 0.1.0 from specs/models/efficientnet_v2.yaml:efficientnet_v2_m (sha256 92d1355a4aef).
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


class EfficientFeatures(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            ConvBn(3, 24, kernel=3, stride=2),
            nn.Sequential(
                FusedMBConv(24, 24, 1, 0.0),
                FusedMBConv(24, 24, 1, 0.0035087719298245615),
                FusedMBConv(24, 24, 1, 0.007017543859649123),
            ),
            nn.Sequential(
                FusedMBConv(24, 48, 4, 0.010526315789473686, stride=2),
                FusedMBConv(48, 48, 4, 0.014035087719298246),
                FusedMBConv(48, 48, 4, 0.017543859649122806),
                FusedMBConv(48, 48, 4, 0.02105263157894737),
                FusedMBConv(48, 48, 4, 0.024561403508771933),
            ),
            nn.Sequential(
                FusedMBConv(48, 80, 4, 0.028070175438596492, stride=2),
                FusedMBConv(80, 80, 4, 0.031578947368421054),
                FusedMBConv(80, 80, 4, 0.03508771929824561),
                FusedMBConv(80, 80, 4, 0.03859649122807018),
                FusedMBConv(80, 80, 4, 0.04210526315789474),
            ),
            nn.Sequential(
                MBConv(80, 320, 160, 20, 0.0456140350877193, stride=2),
                MBConv(160, 640, 160, 40, 0.04912280701754387),
                MBConv(160, 640, 160, 40, 0.05263157894736842),
                MBConv(160, 640, 160, 40, 0.056140350877192984),
                MBConv(160, 640, 160, 40, 0.05964912280701755),
                MBConv(160, 640, 160, 40, 0.06315789473684211),
                MBConv(160, 640, 160, 40, 0.06666666666666667),
            ),
            nn.Sequential(
                MBConv(160, 960, 176, 40, 0.07017543859649122),
                MBConv(176, 1056, 176, 44, 0.0736842105263158),
                MBConv(176, 1056, 176, 44, 0.07719298245614035),
                MBConv(176, 1056, 176, 44, 0.08070175438596493),
                MBConv(176, 1056, 176, 44, 0.08421052631578949),
                MBConv(176, 1056, 176, 44, 0.08771929824561403),
                MBConv(176, 1056, 176, 44, 0.0912280701754386),
                MBConv(176, 1056, 176, 44, 0.09473684210526316),
                MBConv(176, 1056, 176, 44, 0.09824561403508773),
                MBConv(176, 1056, 176, 44, 0.10175438596491229),
                MBConv(176, 1056, 176, 44, 0.10526315789473684),
                MBConv(176, 1056, 176, 44, 0.10877192982456141),
                MBConv(176, 1056, 176, 44, 0.11228070175438597),
                MBConv(176, 1056, 176, 44, 0.11578947368421054),
            ),
            nn.Sequential(
                MBConv(176, 1056, 304, 44, 0.1192982456140351, stride=2),
                MBConv(304, 1824, 304, 76, 0.12280701754385964),
                MBConv(304, 1824, 304, 76, 0.12631578947368421),
                MBConv(304, 1824, 304, 76, 0.1298245614035088),
                MBConv(304, 1824, 304, 76, 0.13333333333333333),
                MBConv(304, 1824, 304, 76, 0.1368421052631579),
                MBConv(304, 1824, 304, 76, 0.14035087719298245),
                MBConv(304, 1824, 304, 76, 0.14385964912280705),
                MBConv(304, 1824, 304, 76, 0.1473684210526316),
                MBConv(304, 1824, 304, 76, 0.15087719298245614),
                MBConv(304, 1824, 304, 76, 0.1543859649122807),
                MBConv(304, 1824, 304, 76, 0.15789473684210525),
                MBConv(304, 1824, 304, 76, 0.16140350877192985),
                MBConv(304, 1824, 304, 76, 0.1649122807017544),
                MBConv(304, 1824, 304, 76, 0.16842105263157897),
                MBConv(304, 1824, 304, 76, 0.17192982456140352),
                MBConv(304, 1824, 304, 76, 0.17543859649122806),
                MBConv(304, 1824, 304, 76, 0.17894736842105266),
            ),
            nn.Sequential(
                MBConv(304, 1824, 512, 76, 0.1824561403508772),
                MBConv(512, 3072, 512, 128, 0.18596491228070178),
                MBConv(512, 3072, 512, 128, 0.18947368421052632),
                MBConv(512, 3072, 512, 128, 0.19298245614035087),
                MBConv(512, 3072, 512, 128, 0.19649122807017547),
            ),
            ConvBn(512, 1280),
        )


class EfficientNetV2M(nn.Module):
    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.features = EfficientFeatures()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Sequential(nn.Dropout(0.3), nn.Linear(1280, num_classes))
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
