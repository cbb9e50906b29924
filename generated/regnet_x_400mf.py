"""RegNetX400mf: RegNetX and, with squeeze-and-excitation, RegNetY; AnyNets whose widths follow a quantised line.

Radosavovic et al., Designing Network Design Spaces, CVPR 2020, equations 2 to 4, figures 15 and 16

Written by archc 0.1.0 from specs/models/regnet.yaml:regnet_x_400mf (sha256 2d3237172227).
Edit the spec, not this file.
"""

from collections import OrderedDict

from torch import Tensor, nn


class ConvBn(nn.Sequential):
    def __init__(
        self, in_channels: int, out: int, kernel: int = 1, stride: int = 1, groups: int = 1, *, relu: bool = True
    ) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(out),
            *([nn.ReLU(inplace=True)] if relu else []),
        )


class XBlock(nn.Module):
    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.proj = ConvBn(in_channels, width, stride=stride, relu=False) if stride != 1 else nn.Identity()
        self.f = nn.Sequential(
            OrderedDict(
                a=ConvBn(in_channels, width),
                b=ConvBn(width, width, kernel=3, stride=stride, groups=width // 16),
                c=ConvBn(width, width, relu=False),
            )
        )
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.proj(x) + self.f(x))


class RegNetX400mf(nn.Module):
    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.stem = ConvBn(3, 32, kernel=3, stride=2)
        self.trunk_output = nn.Sequential(
            OrderedDict(
                block1=nn.Sequential(OrderedDict([("block1-0", XBlock(32, 32, stride=2))])),
                block2=nn.Sequential(
                    OrderedDict([("block2-0", XBlock(32, 64, stride=2)), ("block2-1", XBlock(64, 64))])
                ),
                block3=nn.Sequential(
                    OrderedDict(
                        [
                            ("block3-0", XBlock(64, 160, stride=2)),
                            *((f"block3-{i}", XBlock(160, 160)) for i in range(1, 7)),
                        ]
                    )
                ),
                block4=nn.Sequential(
                    OrderedDict(
                        [
                            ("block4-0", XBlock(160, 400, stride=2)),
                            *((f"block4-{i}", XBlock(400, 400)) for i in range(1, 12)),
                        ]
                    )
                ),
            )
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(400, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.flatten(self.avgpool(self.trunk_output(self.stem(x))))
        return self.fc(x)
