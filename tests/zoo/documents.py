"""The networks of the documents that the project was created from, written by hand in plain PyTorch.

They check the specs from outside: weights go from one to the other in the order of the state_dicts, in which
layers stand as they are executed, a block's shortcut last.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def lenet5_sigmoid() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10)),
    )


def lenet5_mnist() -> nn.Module:
    net = nn.Sequential()
    net.add_module("conv_pool1", nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2)))
    net.add_module("conv_pool2", nn.Sequential(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)))
    net.add_module("flatten", nn.Flatten())
    net.add_module("fc1", nn.Sequential(nn.Linear(400, 120), nn.ReLU()))
    net.add_module("fc2", nn.Sequential(nn.Linear(120, 84), nn.ReLU()))
    net.add_module("out", nn.Sequential(nn.Linear(84, 10)))
    return net


def _alexnet_features(channels: int, padding: int) -> list[nn.Module]:
    pool = nn.MaxPool2d(3, 2)
    return [
        *(nn.Conv2d(channels, 96, 11, stride=4, padding=padding), nn.ReLU(), pool),
        *(nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), pool),
        *(nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), pool, nn.Flatten()),
    ]


def _classifier(features: int, classes: int) -> list[nn.Module]:
    return [
        *(nn.Linear(features, 4096), nn.ReLU(), nn.Dropout(0.5)),
        *(nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4096, classes)),
    ]


def alexnet_d2l() -> nn.Module:
    return nn.Sequential(*_alexnet_features(1, padding=1), *_classifier(6400, 10))


def alexnet_227() -> nn.Module:
    return nn.Sequential(*_alexnet_features(3, padding=0), *_classifier(9216, 1000))


def _vgg11(widths: tuple[int, ...]) -> nn.Module:
    layers: list[nn.Module] = []
    channels = 1
    for width, n in zip(widths, (1, 1, 2, 2, 2), strict=True):
        for _ in range(n):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), *_classifier(channels * 49, 10))


def vgg11_d2l() -> nn.Module:
    return _vgg11((64, 128, 256, 512, 512))


def vgg11_d2l_quarter() -> nn.Module:
    return _vgg11((16, 32, 64, 128, 128))


def nin() -> nn.Module:
    def block(channels: int, width: int, kernel: int, stride: int, padding: int) -> list[nn.Module]:
        first = nn.Conv2d(channels, width, kernel, stride, padding)
        return [first, nn.ReLU(), nn.Conv2d(width, width, 1), nn.ReLU(), nn.Conv2d(width, width, 1), nn.ReLU()]

    return nn.Sequential(
        *(*block(1, 96, 11, 4, 0), nn.MaxPool2d(3, 2)),
        *(*block(96, 256, 5, 1, 2), nn.MaxPool2d(3, 2)),
        *(*block(256, 384, 3, 1, 1), nn.MaxPool2d(3, 2), nn.Dropout(0.5)),
        *(*block(384, 10, 3, 1, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    )


class Inception(nn.Module):
    """Four branches, concatenated."""

    def __init__(self, channels: int, c1: int, c2: tuple[int, int], c3: tuple[int, int], c4: int) -> None:
        super().__init__()
        self.b1 = nn.Conv2d(channels, c1, 1)
        self.b2_1, self.b2_2 = nn.Conv2d(channels, c2[0], 1), nn.Conv2d(c2[0], c2[1], 3, padding=1)
        self.b3_1, self.b3_2 = nn.Conv2d(channels, c3[0], 1), nn.Conv2d(c3[0], c3[1], 5, padding=2)
        self.b4 = nn.Conv2d(channels, c4, 1)

    def forward(self, x: Tensor) -> Tensor:
        b2 = self.b2_2(F.relu(self.b2_1(x)))
        b3 = self.b3_2(F.relu(self.b3_1(x)))
        b4 = self.b4(F.max_pool2d(x, 3, stride=1, padding=1))
        return F.relu(torch.cat((self.b1(x), b2, b3, b4), dim=1))


def _googlenet(channels: int, classes: int) -> nn.Module:
    pool = nn.MaxPool2d(3, 2, padding=1)
    return nn.Sequential(
        *(nn.Conv2d(channels, 64, 7, stride=2, padding=3), nn.ReLU(), pool),
        *(nn.Conv2d(64, 64, 1), nn.ReLU(), nn.Conv2d(64, 192, 3, padding=1), nn.ReLU(), pool),
        Inception(192, 64, (96, 128), (16, 32), 32),
        *(Inception(256, 128, (128, 192), (32, 96), 64), pool),
        Inception(480, 192, (96, 208), (16, 48), 64),
        Inception(512, 160, (112, 224), (24, 64), 64),
        Inception(512, 128, (128, 256), (24, 64), 64),
        Inception(512, 112, (144, 288), (32, 64), 64),
        *(Inception(528, 256, (160, 320), (32, 128), 128), pool),
        Inception(832, 256, (160, 320), (32, 128), 128),
        Inception(832, 384, (192, 384), (48, 128), 128),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, classes)),
    )


def googlenet_d2l() -> nn.Module:
    return _googlenet(1, 10)


def googlenet_d2l_imagenet() -> nn.Module:
    return _googlenet(3, 1000)


class Residual(nn.Module):
    """Two convolutions of 3 × 3 with biases; the shortcut's batch norm is left out on demand."""

    def __init__(self, channels: int, width: int, stride: int, *, norm: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride=stride, padding=1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels != width:
            self.shortcut.append(nn.Conv2d(channels, width, 1, stride=stride))
            if norm:
                self.shortcut.append(nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


def _resnet(channels: int, depths: tuple[int, ...], pool: nn.Module, *, norm: bool) -> nn.Module:
    layers = [*_stem(channels)]
    channels = 64
    for i, depth in enumerate(depths):
        for j in range(depth):
            stride = 2 if i > 0 and j == 0 else 1
            layers.append(Residual(channels, 64 * 2**i, stride, norm=norm))
            channels = 64 * 2**i
    return nn.Sequential(*layers, pool, nn.Flatten(), nn.Linear(channels, 10))


def _stem(channels: int) -> list[nn.Module]:
    conv = nn.Conv2d(channels, 64, 7, stride=2, padding=3)
    return [conv, nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, padding=1)]


def resnet18_d2l() -> nn.Module:
    return _resnet(1, (2, 2, 2, 2), nn.AdaptiveAvgPool2d(1), norm=False)


def resnet34_cifar() -> nn.Module:
    return _resnet(3, (3, 4, 6, 3), nn.AvgPool2d(7, stride=1), norm=True)


class DenseLayer(nn.Sequential):
    """Adds 32 channels to those of its input."""

    def __init__(self, channels: int) -> None:
        super().__init__(nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, 32, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((x, super().forward(x)), dim=1)


def densenet_d2l() -> nn.Module:
    layers, channels = _stem(1), 64
    for i in range(4):
        for _ in range(4):
            layers.append(DenseLayer(channels))
            channels += 32
        layers += [nn.BatchNorm2d(channels), nn.ReLU()]
        if i < 3:
            layers += [nn.Conv2d(channels, channels // 2, 1), nn.AvgPool2d(2)]
            channels //= 2
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


class UNet(nn.Module):
    """Down, and up again over the maps of the way down. Its parameters stand as they are executed."""

    def __init__(self, base: int, depth: int) -> None:
        super().__init__()
        widths = [base * 2**i for i in range(depth + 1)]
        self.down = nn.ModuleList(_double_conv(c, w) for c, w in zip([3, *widths], widths, strict=False))
        self.up = nn.ModuleList()
        for width in reversed(widths[:-1]):
            self.up.append(nn.ConvTranspose2d(2 * width, width, 2, stride=2))
            self.up.append(_double_conv(2 * width, width))
        self.out = nn.Conv2d(base, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips: list[Tensor] = []
        for step in self.down[:-1]:
            skips.append(step(x))
            x = F.max_pool2d(skips[-1], 2)
        x = self.down[-1](x)
        for up, step in zip(self.up[::2], self.up[1::2], strict=True):
            x = step(torch.cat((skips.pop(), up(x)), dim=1))
        return self.out(x)


def _double_conv(channels: int, width: int) -> nn.Sequential:
    first = [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(*first, nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())


def unet() -> nn.Module:
    return UNet(64, 4)


def unet_small() -> nn.Module:
    return UNet(16, 3)


NETWORKS: tuple[Callable[[], nn.Module], ...] = (
    *(lenet5_sigmoid, lenet5_mnist, alexnet_d2l, alexnet_227, vgg11_d2l, vgg11_d2l_quarter, nin),
    *(googlenet_d2l, googlenet_d2l_imagenet, resnet18_d2l, resnet34_cifar, densenet_d2l, unet, unet_small),
)
