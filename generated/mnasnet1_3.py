"""MNASNet1_3: MNASNet (B1 of the paper), inverted residuals found by search, without squeeze-and-excitation.

Tan et al., MnasNet, Platform-Aware Neural Architecture Search for Mobile, CVPR 2019, arXiv 1807.11626; the stacks
as in torchvision

Written by archc 0.1.0 from specs/models/mnasnet.yaml:mnasnet1_3 (sha256 5cb468c4474a).
Edit the spec, not this file.
"""

from torch import Tensor, nn


class InvertedResidual(nn.Module):
    def __init__(self, in_channels: int, out: int, kernel: int, expand: int, stride: int = 1) -> None:
        super().__init__()
        hidden = in_channels * expand
        self.residual = stride == 1 and in_channels == out
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden, momentum=0.00029999999999996696),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, hidden, kernel, stride=stride, padding=kernel // 2, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden, momentum=0.00029999999999996696),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, out, 1, bias=False),
            nn.BatchNorm2d(out, momentum=0.00029999999999996696),
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.layers(x)
        if self.residual:
            y += x
        return y


class MNASNet1_3(nn.Module):
    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 40, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(40, momentum=0.00029999999999996696),
            nn.ReLU(inplace=True),
            nn.Conv2d(40, 40, 3, padding=1, groups=40, bias=False),
            nn.BatchNorm2d(40, momentum=0.00029999999999996696),
            nn.ReLU(inplace=True),
            nn.Conv2d(40, 24, 1, bias=False),
            nn.BatchNorm2d(24, momentum=0.00029999999999996696),
            nn.Sequential(
                InvertedResidual(24, 32, 3, 3, stride=2), InvertedResidual(32, 32, 3, 3), InvertedResidual(32, 32, 3, 3)
            ),
            nn.Sequential(
                InvertedResidual(32, 56, 5, 3, stride=2), InvertedResidual(56, 56, 5, 3), InvertedResidual(56, 56, 5, 3)
            ),
            nn.Sequential(
                InvertedResidual(56, 104, 5, 6, stride=2),
                InvertedResidual(104, 104, 5, 6),
                InvertedResidual(104, 104, 5, 6),
            ),
            nn.Sequential(InvertedResidual(104, 128, 3, 6), InvertedResidual(128, 128, 3, 6)),
            nn.Sequential(
                InvertedResidual(128, 248, 5, 6, stride=2), *(InvertedResidual(248, 248, 5, 6) for _ in range(3))
            ),
            nn.Sequential(InvertedResidual(248, 416, 3, 6)),
            nn.Conv2d(416, 1280, 1, bias=False),
            nn.BatchNorm2d(1280, momentum=0.00029999999999996696),
            nn.ReLU(inplace=True),
        )
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, num_classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.Linear):
                nn.init.kaiming_uniform_(module.weight, mode="fan_out", nonlinearity="sigmoid")
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.layers(x).mean((2, 3)))
