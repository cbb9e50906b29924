"""ShuffleNetV2X2_0: ShuffleNet V2, whose units mix halves of the channels by a shuffle.

Ma et al., ShuffleNet V2, Practical Guidelines for Efficient CNN Architecture Design, ECCV 2018, table 5

Written by archc 0.1.0 from specs/models/shufflenet_v2.yaml:shufflenet_v2_x2_0 (sha256 5f271278d21d).
Edit the spec, not this file.
"""

import torch
from torch import Tensor, nn


class ConvBn(nn.Sequential):
    def __init__(self, in_channels: int, out: int, kernel: int, stride: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out, kernel, stride=stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(inplace=True),
        )


class ShuffleBranch(nn.Sequential):
    def __init__(self, in_channels: int, out: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out, 1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(inplace=True),
            nn.Conv2d(out, out, 3, stride=stride, padding=1, groups=out, bias=False),
            nn.BatchNorm2d(out),
            nn.Conv2d(out, out, 1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(inplace=True),
        )


class ShuffleUnitStride2(nn.Module):
    def __init__(self, in_channels: int, out: int) -> None:
        super().__init__()
        hidden = out // 2
        self.branch1 = nn.Sequential(
            nn.Conv2d(in_channels, in_channels, 3, stride=2, padding=1, groups=in_channels, bias=False),
            nn.BatchNorm2d(in_channels),
            nn.Conv2d(in_channels, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(inplace=True),
        )
        self.branch2 = ShuffleBranch(in_channels, hidden, stride=2)
        self.shuffle = nn.ChannelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.shuffle(torch.cat([self.branch1(x), self.branch2(x)], 1))


class ShuffleUnit(nn.Module):
    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.branch2 = ShuffleBranch(in_channels // 2, in_channels // 2)
        self.shuffle = nn.ChannelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        halves = x.chunk(2, 1)
        return self.shuffle(torch.cat([halves[0], self.branch2(halves[1])], 1))


class ShuffleNetV2X2_0(nn.Module):
    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = ConvBn(3, 24, 3, 2)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.stage2 = nn.Sequential(ShuffleUnitStride2(24, 244), *(ShuffleUnit(244) for _ in range(3)))
        self.stage3 = nn.Sequential(ShuffleUnitStride2(244, 488), *(ShuffleUnit(488) for _ in range(7)))
        self.stage4 = nn.Sequential(ShuffleUnitStride2(488, 976), *(ShuffleUnit(976) for _ in range(3)))
        self.conv5 = ConvBn(976, 2048, 1, 1)
        self.fc = nn.Linear(2048, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stage3(self.stage2(self.maxpool(self.conv1(x))))
        x = self.stage4(x)
        return self.fc(self.conv5(x).mean((2, 3)))
