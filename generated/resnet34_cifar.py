"""ResNet34Cifar: ResNet-34 for CIFAR-10, its convolutions with bias.

He et al., Deep Residual Learning for Image Recognition, CVPR 2016, table 1; layers of the DigitalOcean Community
tutorial on ResNet-34 for CIFAR-10

Written by archc 0.1.0 from specs/models/resnet_cifar.yaml:resnet34_cifar (sha256 940ef102800a).
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
        self.downsample = (
            nn.Sequential(nn.Conv2d(in_channels, width, 1, stride=2), nn.BatchNorm2d(width))
            if stride != 1
            else nn.Identity()
        )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu1(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        y += self.downsample(x)
        return self.relu(y)


class ResNet34Cifar(nn.Module):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(3, 64, 7, stride=2, padding=3), nn.BatchNorm2d(64), nn.ReLU(inplace=True))
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer0 = nn.Sequential(*(Basic(64, 64) for _ in range(3)))
        self.layer1 = nn.Sequential(Basic(64, 128, stride=2), *(Basic(128, 128) for _ in range(3)))
        self.layer2 = nn.Sequential(Basic(128, 256, stride=2), *(Basic(256, 256) for _ in range(5)))
        self.layer3 = nn.Sequential(Basic(256, 512, stride=2), Basic(512, 512), Basic(512, 512))
        self.avgpool = nn.AvgPool2d(7, stride=1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(512, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer1(self.layer0(self.maxpool(self.conv1(x))))
        x = self.layer2(x)
        return self.fc(self.flatten(self.avgpool(self.layer3(x))))
