"""EfficientNetB7: EfficientNet.

Tan and Le, EfficientNet, Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019, tables 1 and 2;
resolutions and batch norms as in torchvision

Written by archc 0.1.0 from specs/models/efficientnet.yaml:efficientnet_b7 (sha256 7f50b30f85ef).
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
            ConvBn(3, 64, kernel=3, stride=2),
            nn.Sequential(
                MBConv(64, 64, 32, 3, 16, 0.0),
                MBConv(32, 32, 32, 3, 8, 0.0036363636363636364),
                MBConv(32, 32, 32, 3, 8, 0.007272727272727273),
                MBConv(32, 32, 32, 3, 8, 0.01090909090909091),
            ),
            nn.Sequential(
                MBConv(32, 192, 48, 3, 8, 0.014545454545454545, stride=2),
                MBConv(48, 288, 48, 3, 12, 0.01818181818181818),
                MBConv(48, 288, 48, 3, 12, 0.02181818181818182),
                MBConv(48, 288, 48, 3, 12, 0.025454545454545455),
                MBConv(48, 288, 48, 3, 12, 0.02909090909090909),
                MBConv(48, 288, 48, 3, 12, 0.03272727272727273),
                MBConv(48, 288, 48, 3, 12, 0.03636363636363636),
            ),
            nn.Sequential(
                MBConv(48, 288, 80, 5, 12, 0.04, stride=2),
                MBConv(80, 480, 80, 5, 20, 0.04363636363636364),
                MBConv(80, 480, 80, 5, 20, 0.04727272727272727),
                MBConv(80, 480, 80, 5, 20, 0.05090909090909091),
                MBConv(80, 480, 80, 5, 20, 0.05454545454545454),
                MBConv(80, 480, 80, 5, 20, 0.05818181818181818),
                MBConv(80, 480, 80, 5, 20, 0.06181818181818183),
            ),
            nn.Sequential(
                MBConv(80, 480, 160, 3, 20, 0.06545454545454546, stride=2),
                MBConv(160, 960, 160, 3, 40, 0.06909090909090909),
                MBConv(160, 960, 160, 3, 40, 0.07272727272727272),
                MBConv(160, 960, 160, 3, 40, 0.07636363636363637),
                MBConv(160, 960, 160, 3, 40, 0.08),
                MBConv(160, 960, 160, 3, 40, 0.08363636363636365),
                MBConv(160, 960, 160, 3, 40, 0.08727272727272728),
                MBConv(160, 960, 160, 3, 40, 0.09090909090909091),
                MBConv(160, 960, 160, 3, 40, 0.09454545454545454),
                MBConv(160, 960, 160, 3, 40, 0.09818181818181819),
            ),
            nn.Sequential(
                MBConv(160, 960, 224, 5, 40, 0.10181818181818182),
                MBConv(224, 1344, 224, 5, 56, 0.10545454545454547),
                MBConv(224, 1344, 224, 5, 56, 0.10909090909090909),
                MBConv(224, 1344, 224, 5, 56, 0.11272727272727273),
                MBConv(224, 1344, 224, 5, 56, 0.11636363636363636),
                MBConv(224, 1344, 224, 5, 56, 0.12000000000000001),
                MBConv(224, 1344, 224, 5, 56, 0.12363636363636366),
                MBConv(224, 1344, 224, 5, 56, 0.12727272727272726),
                MBConv(224, 1344, 224, 5, 56, 0.13090909090909092),
                MBConv(224, 1344, 224, 5, 56, 0.13454545454545455),
            ),
            nn.Sequential(
                MBConv(224, 1344, 384, 5, 56, 0.13818181818181818, stride=2),
                MBConv(384, 2304, 384, 5, 96, 0.14181818181818184),
                MBConv(384, 2304, 384, 5, 96, 0.14545454545454545),
                MBConv(384, 2304, 384, 5, 96, 0.1490909090909091),
                MBConv(384, 2304, 384, 5, 96, 0.15272727272727274),
                MBConv(384, 2304, 384, 5, 96, 0.15636363636363634),
                MBConv(384, 2304, 384, 5, 96, 0.16),
                MBConv(384, 2304, 384, 5, 96, 0.16363636363636364),
                MBConv(384, 2304, 384, 5, 96, 0.1672727272727273),
                MBConv(384, 2304, 384, 5, 96, 0.17090909090909093),
                MBConv(384, 2304, 384, 5, 96, 0.17454545454545456),
                MBConv(384, 2304, 384, 5, 96, 0.1781818181818182),
                MBConv(384, 2304, 384, 5, 96, 0.18181818181818182),
            ),
            nn.Sequential(
                MBConv(384, 2304, 640, 3, 96, 0.18545454545454548),
                MBConv(640, 3840, 640, 3, 160, 0.1890909090909091),
                MBConv(640, 3840, 640, 3, 160, 0.19272727272727275),
                MBConv(640, 3840, 640, 3, 160, 0.19636363636363638),
            ),
            ConvBn(640, 2560),
        )


class EfficientNetB7(nn.Module):
    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.features = EfficientFeatures()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(2560, num_classes))
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
