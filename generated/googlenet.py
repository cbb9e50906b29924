"""GoogLeNet: GoogLeNet with batch norm and, in training, two auxiliary classifiers.

Szegedy et al., Going Deeper with Convolutions, CVPR 2015, table 1; batch norm and 3 x 3 for 5 x 5 as in torchvision

Written by archc 0.1.0 from specs/models/googlenet.yaml:googlenet (sha256 93801a726f4f).
Edit the spec, not this file.
"""

import torch
from torch import Tensor, nn


class NamedConvBn(nn.Module):
    def __init__(self, in_channels: int, out: int, kernel: int = 1, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out, kernel, stride=stride, padding=padding, bias=False)
        self.bn = nn.BatchNorm2d(out, eps=0.001)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.bn(self.conv(x)))


class InceptionBn(nn.Module):
    def __init__(self, in_channels: int, c1: int, c2: tuple[int, int], c3: tuple[int, int], c4: int) -> None:
        super().__init__()
        self.branch1 = NamedConvBn(in_channels, c1)
        self.branch2 = nn.Sequential(NamedConvBn(in_channels, c2[0]), NamedConvBn(c2[0], c2[1], kernel=3, padding=1))
        self.branch3 = nn.Sequential(NamedConvBn(in_channels, c3[0]), NamedConvBn(c3[0], c3[1], kernel=3, padding=1))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1, ceil_mode=True), NamedConvBn(in_channels, c4))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class AuxHead(nn.Module):
    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(4)
        self.conv = NamedConvBn(in_channels, 128)
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(2048, 1024)
        self.relu = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(0.7)
        self.fc2 = nn.Linear(1024, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc1(self.flatten(self.conv(self.pool(x))))
        return self.fc2(self.dropout(self.relu(x)))


class GoogLeNet(nn.Module):
    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = NamedConvBn(3, 64, kernel=7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = NamedConvBn(64, 64)
        self.conv3 = NamedConvBn(64, 192, kernel=3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = InceptionBn(192, 64, (96, 128), (16, 32), 32)
        self.inception3b = InceptionBn(256, 128, (128, 192), (32, 96), 64)
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = InceptionBn(480, 192, (96, 208), (16, 48), 64)
        self.inception4b = InceptionBn(512, 160, (112, 224), (24, 64), 64)
        self.inception4c = InceptionBn(512, 128, (128, 256), (24, 64), 64)
        self.inception4d = InceptionBn(512, 112, (144, 288), (32, 64), 64)
        self.inception4e = InceptionBn(528, 256, (160, 320), (32, 128), 128)
        self.maxpool4 = nn.MaxPool2d(2, ceil_mode=True)
        self.inception5a = InceptionBn(832, 256, (160, 320), (32, 128), 128)
        self.inception5b = InceptionBn(832, 384, (192, 384), (48, 128), 128)
        self.aux1 = AuxHead(512, num_classes)
        self.aux2 = AuxHead(528, num_classes)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(1024, num_classes)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.trunc_normal_(module.weight, std=0.01)

    def forward(self, x: Tensor) -> Tensor | dict[str, Tensor]:
        x = self.conv3(self.conv2(self.maxpool1(self.conv1(x))))
        x = self.maxpool2(x)
        x = self.inception3a(x)
        x = self.maxpool3(self.inception3b(x))
        inception4a = self.inception4a(x)
        inception4d = self.inception4d(self.inception4c(self.inception4b(inception4a)))
        x = self.inception5b(self.inception5a(self.maxpool4(self.inception4e(inception4d))))
        if self.training:
            aux_logits1 = self.aux1(inception4a)
            aux_logits2 = self.aux2(inception4d)
        x = self.dropout(self.flatten(self.avgpool(x)))
        logits = self.fc(x)
        if self.training:
            return {"logits": logits, "aux_logits2": aux_logits2, "aux_logits1": aux_logits1}
        return logits
