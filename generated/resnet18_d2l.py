"""ResNet18D2l: ResNet-18 for Fashion-MNIST, its convolutions with bias.

He et al., Deep Residual Learning for Image Recognition, CVPR 2016, table 1; Zhang et al., Dive into Deep Learning,
section 8.6

Written by archc 0.1.0 from specs/models/resnet_d2l.yaml:resnet18_d2l (sha256 e1f00a01945c).
Edit the spec, not this file.
"""

from torch import Tensor, nn


class Basic(nn.Module):
    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride=stride, padding=1)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = nn.Conv2d(in_channels, width, 1, stride=stride) if stride != 1 else nn.Identity()
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu1(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        y += self.downsample(x)
        return self.relu(y)


class ResNet18D2l(nn.Module):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.b1 = nn.Sequential(
            nn.Conv2d(1, 64, 7, stride=2, padding=3),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        self.b2 = nn.Sequential(Basic(64, 64), Basic(64, 64))
        self.b3 = nn.Sequential(Basic(64, 128, stride=2), Basic(128, 128))
        self.b4 = nn.Sequential(Basic(128, 256, stride=2), Basic(256, 256))
        self.b5 = nn.Sequential(Basic(256, 512, stride=2), Basic(512, 512))
        self.last = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, num_classes))
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.xavier_uniform_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = self.b4(self.b3(self.b2(self.b1(x))))
        x = self.b5(x)
        return self.last(x)
