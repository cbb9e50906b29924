"""MobileNetV2: MobileNetV2, inverted residuals between linear bottlenecks.

Sandler et al., MobileNetV2, Inverted Residuals and Linear Bottlenecks, CVPR 2018, table 2

Written by archc 0.1.0 from specs/models/mobilenet_v2.yaml:mobilenet_v2 (sha256 18fc1c7b97b2).
Edit the spec, not this file.
"""

from torch import Tensor, nn


class ConvBn(nn.Sequential):
    def __init__(self, in_channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU6(inplace=True),
        )


class InvertedResidual(nn.Module):
    def __init__(self, in_channels: int, out: int, expand: int, stride: int = 1) -> None:
        super().__init__()
        hidden = in_channels * expand
        self.residual = stride == 1 and in_channels == out
        self.conv = nn.Sequential(
            *([ConvBn(in_channels, hidden, 1)] if expand != 1 else []),
            ConvBn(hidden, hidden, 3, stride=stride, groups=hidden),
            nn.Conv2d(hidden, out, 1, bias=False),
            nn.BatchNorm2d(out),
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        if self.residual:
            y += x
        return y


class MobileNetV2(nn.Module):
    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.features = nn.Sequential(
            ConvBn(3, 32, 3, stride=2),
            InvertedResidual(32, 16, 1),
            InvertedResidual(16, 24, 6, stride=2),
            InvertedResidual(24, 24, 6),
            InvertedResidual(24, 32, 6, stride=2),
            InvertedResidual(32, 32, 6),
            InvertedResidual(32, 32, 6),
            InvertedResidual(32, 64, 6, stride=2),
            *(InvertedResidual(64, 64, 6) for _ in range(3)),
            InvertedResidual(64, 96, 6),
            InvertedResidual(96, 96, 6),
            InvertedResidual(96, 96, 6),
            InvertedResidual(96, 160, 6, stride=2),
            InvertedResidual(160, 160, 6),
            InvertedResidual(160, 160, 6),
            InvertedResidual(160, 320, 6),
            ConvBn(320, 1280, 1),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, num_classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.flatten(self.avgpool(self.features(x))))
