"""MobileNetV3Large: MobileNetV3, inverted residuals with squeeze-and-excitation and hard swish, found by search.

Howard et al., Searching for MobileNetV3, ICCV 2019, tables 1 and 2

Written by archc 0.1.0 from specs/models/mobilenet_v3.yaml:mobilenet_v3_large (sha256 838df3986203).
Edit the spec, not this file.
"""

from torch import Tensor, nn


class ConvBn(nn.Sequential):
    def __init__(
        self, in_channels: int, out: int, act: type[nn.Module] | None, kernel: int = 1, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(out, eps=0.001, momentum=0.01),
            *([act(inplace=True)] if act else []),
        )


class SqueezeExcite(nn.Module):
    def __init__(self, in_channels: int, squeeze: int) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(in_channels, squeeze, 1)
        self.activation = nn.ReLU(inplace=True)
        self.fc2 = nn.Conv2d(squeeze, in_channels, 1)
        self.scale_activation = nn.Hardsigmoid(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.activation(self.fc1(self.avgpool(x)))
        return self.scale_activation(self.fc2(y)) * x


class MBConv(nn.Module):
    def __init__(
        self,
        in_channels: int,
        hidden: int,
        out: int,
        kernel: int,
        squeeze: int,
        stride: int = 1,
        act: type[nn.Module] = nn.Hardswish,
    ) -> None:
        super().__init__()
        self.residual = stride == 1 and in_channels == out
        self.block = nn.Sequential(
            *([ConvBn(in_channels, hidden, act)] if in_channels != hidden else []),
            ConvBn(hidden, hidden, act, kernel=kernel, stride=stride, groups=hidden),
            *([SqueezeExcite(hidden, squeeze)] if squeeze else []),
            ConvBn(hidden, out, None),
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.block(x)
        if self.residual:
            y += x
        return y


class MobileNetV3Large(nn.Module):
    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.features = nn.Sequential(
            ConvBn(3, 16, nn.Hardswish, kernel=3, stride=2),
            MBConv(16, 16, 16, 3, 0, act=nn.ReLU),
            MBConv(16, 64, 24, 3, 0, stride=2, act=nn.ReLU),
            MBConv(24, 72, 24, 3, 0, act=nn.ReLU),
            MBConv(24, 72, 40, 5, 24, stride=2, act=nn.ReLU),
            MBConv(40, 120, 40, 5, 32, act=nn.ReLU),
            MBConv(40, 120, 40, 5, 32, act=nn.ReLU),
            MBConv(40, 240, 80, 3, 0, stride=2),
            MBConv(80, 200, 80, 3, 0),
            MBConv(80, 184, 80, 3, 0),
            MBConv(80, 184, 80, 3, 0),
            MBConv(80, 480, 112, 3, 120),
            MBConv(112, 672, 112, 3, 168),
            MBConv(112, 672, 160, 5, 168, stride=2),
            MBConv(160, 960, 160, 5, 240),
            MBConv(160, 960, 160, 5, 240),
            ConvBn(160, 960, nn.Hardswish),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Sequential(
            nn.Linear(960, 1280), nn.Hardswish(inplace=True), nn.Dropout(0.2), nn.Linear(1280, num_classes)
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.flatten(self.avgpool(self.features(x))))
