"""EfficientNetV2L: EfficientNetV2.

Tan and Le, EfficientNetV2, Smaller Models and Faster Training, ICML 2021, table 4; M and L as in the authors'
repository

Written by archc 0.1.0 from specs/models/efficientnet_v2.yaml:efficientnet_v2_l (sha256 92d1355a4aef).
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
            ConvBn(3, 32, kernel=3, stride=2),
            nn.Sequential(
                FusedMBConv(32, 32, 1, 0.0),
                FusedMBConv(32, 32, 1, 0.002531645569620253),
                FusedMBConv(32, 32, 1, 0.005063291139240506),
                FusedMBConv(32, 32, 1, 0.007594936708860761),
            ),
            nn.Sequential(
                FusedMBConv(32, 64, 4, 0.010126582278481013, stride=2),
                FusedMBConv(64, 64, 4, 0.012658227848101266),
                FusedMBConv(64, 64, 4, 0.015189873417721522),
                FusedMBConv(64, 64, 4, 0.017721518987341773),
                FusedMBConv(64, 64, 4, 0.020253164556962026),
                FusedMBConv(64, 64, 4, 0.02278481012658228),
                FusedMBConv(64, 64, 4, 0.02531645569620253),
            ),
            nn.Sequential(
                FusedMBConv(64, 96, 4, 0.027848101265822787, stride=2),
                FusedMBConv(96, 96, 4, 0.030379746835443044),
                FusedMBConv(96, 96, 4, 0.03291139240506329),
                FusedMBConv(96, 96, 4, 0.035443037974683546),
                FusedMBConv(96, 96, 4, 0.0379746835443038),
                FusedMBConv(96, 96, 4, 0.04050632911392405),
                FusedMBConv(96, 96, 4, 0.04303797468354431),
            ),
            nn.Sequential(
                MBConv(96, 384, 192, 24, 0.04556962025316456, stride=2),
                MBConv(192, 768, 192, 48, 0.04810126582278482),
                MBConv(192, 768, 192, 48, 0.05063291139240506),
                MBConv(192, 768, 192, 48, 0.053164556962025315),
                MBConv(192, 768, 192, 48, 0.055696202531645575),
                MBConv(192, 768, 192, 48, 0.05822784810126583),
                MBConv(192, 768, 192, 48, 0.06075949367088609),
                MBConv(192, 768, 192, 48, 0.06329113924050633),
                MBConv(192, 768, 192, 48, 0.06582278481012659),
                MBConv(192, 768, 192, 48, 0.06835443037974684),
            ),
            nn.Sequential(
                MBConv(192, 1152, 224, 48, 0.07088607594936709),
                MBConv(224, 1344, 224, 56, 0.07341772151898734),
                MBConv(224, 1344, 224, 56, 0.0759493670886076),
                MBConv(224, 1344, 224, 56, 0.07848101265822785),
                MBConv(224, 1344, 224, 56, 0.0810126582278481),
                MBConv(224, 1344, 224, 56, 0.08354430379746836),
                MBConv(224, 1344, 224, 56, 0.08607594936708862),
                MBConv(224, 1344, 224, 56, 0.08860759493670886),
                MBConv(224, 1344, 224, 56, 0.09113924050632911),
                MBConv(224, 1344, 224, 56, 0.09367088607594937),
                MBConv(224, 1344, 224, 56, 0.09620253164556963),
                MBConv(224, 1344, 224, 56, 0.09873417721518989),
                MBConv(224, 1344, 224, 56, 0.10126582278481013),
                MBConv(224, 1344, 224, 56, 0.10379746835443039),
                MBConv(224, 1344, 224, 56, 0.10632911392405063),
                MBConv(224, 1344, 224, 56, 0.10886075949367088),
                MBConv(224, 1344, 224, 56, 0.11139240506329115),
                MBConv(224, 1344, 224, 56, 0.11392405063291139),
                MBConv(224, 1344, 224, 56, 0.11645569620253166),
            ),
            nn.Sequential(
                MBConv(224, 1344, 384, 56, 0.11898734177215191, stride=2),
                MBConv(384, 2304, 384, 96, 0.12151898734177217),
                MBConv(384, 2304, 384, 96, 0.12405063291139241),
                MBConv(384, 2304, 384, 96, 0.12658227848101267),
                MBConv(384, 2304, 384, 96, 0.12911392405063293),
                MBConv(384, 2304, 384, 96, 0.13164556962025317),
                MBConv(384, 2304, 384, 96, 0.13417721518987344),
                MBConv(384, 2304, 384, 96, 0.13670886075949368),
                MBConv(384, 2304, 384, 96, 0.13924050632911392),
                MBConv(384, 2304, 384, 96, 0.14177215189873418),
                MBConv(384, 2304, 384, 96, 0.14430379746835442),
                MBConv(384, 2304, 384, 96, 0.1468354430379747),
                MBConv(384, 2304, 384, 96, 0.14936708860759496),
                MBConv(384, 2304, 384, 96, 0.1518987341772152),
                MBConv(384, 2304, 384, 96, 0.15443037974683546),
                MBConv(384, 2304, 384, 96, 0.1569620253164557),
                MBConv(384, 2304, 384, 96, 0.15949367088607597),
                MBConv(384, 2304, 384, 96, 0.1620253164556962),
                MBConv(384, 2304, 384, 96, 0.16455696202531644),
                MBConv(384, 2304, 384, 96, 0.1670886075949367),
                MBConv(384, 2304, 384, 96, 0.16962025316455698),
                MBConv(384, 2304, 384, 96, 0.17215189873417724),
                MBConv(384, 2304, 384, 96, 0.17468354430379748),
                MBConv(384, 2304, 384, 96, 0.17721518987341772),
                MBConv(384, 2304, 384, 96, 0.179746835443038),
            ),
            nn.Sequential(
                MBConv(384, 2304, 640, 96, 0.18227848101265823),
                MBConv(640, 3840, 640, 160, 0.1848101265822785),
                MBConv(640, 3840, 640, 160, 0.18734177215189873),
                MBConv(640, 3840, 640, 160, 0.189873417721519),
                MBConv(640, 3840, 640, 160, 0.19240506329113927),
                MBConv(640, 3840, 640, 160, 0.1949367088607595),
                MBConv(640, 3840, 640, 160, 0.19746835443037977),
            ),
            ConvBn(640, 1280),
        )


class EfficientNetV2L(nn.Module):
    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.features = EfficientFeatures()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Sequential(nn.Dropout(0.4), nn.Linear(1280, num_classes))
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
