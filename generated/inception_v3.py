"""InceptionV3: Inception v3 with, in training, one auxiliary classifier.

Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016, table 1

Written by archc 0.1.0 from specs/models/inception_v3.yaml:inception_v3 (sha256 f80e3534cc91).
Edit the spec, not this file.
"""

import torch
from torch import Tensor, nn


class NamedConvBn(nn.Module):
    def __init__(
        self,
        in_channels: int,
        out: int,
        kernel_size: int | tuple[int, int],
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out, kernel_size, stride=stride, padding=padding, bias=False)
        self.bn = nn.BatchNorm2d(out, eps=0.001)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.bn(self.conv(x)))


class InceptionA(nn.Module):
    def __init__(self, in_channels: int, pool_features: int) -> None:
        super().__init__()
        self.branch1x1 = NamedConvBn(in_channels, 64, 1)
        self.branch5x5_1 = NamedConvBn(in_channels, 48, 1)
        self.branch5x5_2 = NamedConvBn(48, 64, 5, padding=2)
        self.branch3x3dbl_1 = NamedConvBn(in_channels, 64, 1)
        self.branch3x3dbl_2 = NamedConvBn(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = NamedConvBn(96, 96, 3, padding=1)
        self.pool = nn.AvgPool2d(3, stride=1, padding=1)
        self.branch_pool = NamedConvBn(in_channels, pool_features, 1)

    def forward(self, x: Tensor) -> Tensor:
        branch1x1 = self.branch1x1(x)
        branch5x5_2 = self.branch5x5_2(self.branch5x5_1(x))
        branch3x3dbl_3 = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        branch_pool = self.branch_pool(self.pool(x))
        return torch.cat([branch1x1, branch5x5_2, branch3x3dbl_3, branch_pool], 1)


class InceptionB(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.branch3x3 = NamedConvBn(288, 384, 3, stride=2)
        self.branch3x3dbl_1 = NamedConvBn(288, 64, 1)
        self.branch3x3dbl_2 = NamedConvBn(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = NamedConvBn(96, 96, 3, stride=2)
        self.pool = nn.MaxPool2d(3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        branch3x3 = self.branch3x3(x)
        branch3x3dbl_3 = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        pool = self.pool(x)
        return torch.cat([branch3x3, branch3x3dbl_3, pool], 1)


class InceptionC(nn.Module):
    def __init__(self, c7: int) -> None:
        super().__init__()
        self.branch1x1 = NamedConvBn(768, 192, 1)
        self.branch7x7_1 = NamedConvBn(768, c7, 1)
        self.branch7x7_2 = NamedConvBn(c7, c7, (1, 7), padding=(0, 3))
        self.branch7x7_3 = NamedConvBn(c7, 192, (7, 1), padding=(3, 0))
        self.branch7x7dbl_1 = NamedConvBn(768, c7, 1)
        self.branch7x7dbl_2 = NamedConvBn(c7, c7, (7, 1), padding=(3, 0))
        self.branch7x7dbl_3 = NamedConvBn(c7, c7, (1, 7), padding=(0, 3))
        self.branch7x7dbl_4 = NamedConvBn(c7, c7, (7, 1), padding=(3, 0))
        self.branch7x7dbl_5 = NamedConvBn(c7, 192, (1, 7), padding=(0, 3))
        self.pool = nn.AvgPool2d(3, stride=1, padding=1)
        self.branch_pool = NamedConvBn(768, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        branch1x1 = self.branch1x1(x)
        branch7x7_3 = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        y = self.branch7x7dbl_4(self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x))))
        branch7x7dbl_5 = self.branch7x7dbl_5(y)
        branch_pool = self.branch_pool(self.pool(x))
        return torch.cat([branch1x1, branch7x7_3, branch7x7dbl_5, branch_pool], 1)


class AuxHead(nn.Module):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(5, stride=3)
        self.conv0 = NamedConvBn(768, 128, 1)
        self.conv1 = NamedConvBn(128, 768, 5)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(768, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.avgpool(self.conv1(self.conv0(self.pool(x))))
        return self.fc(self.flatten(x))


class InceptionD(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.branch3x3_1 = NamedConvBn(768, 192, 1)
        self.branch3x3_2 = NamedConvBn(192, 320, 3, stride=2)
        self.branch7x7x3_1 = NamedConvBn(768, 192, 1)
        self.branch7x7x3_2 = NamedConvBn(192, 192, (1, 7), padding=(0, 3))
        self.branch7x7x3_3 = NamedConvBn(192, 192, (7, 1), padding=(3, 0))
        self.branch7x7x3_4 = NamedConvBn(192, 192, 3, stride=2)
        self.pool = nn.MaxPool2d(3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        branch3x3_2 = self.branch3x3_2(self.branch3x3_1(x))
        branch7x7x3_4 = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        pool = self.pool(x)
        return torch.cat([branch3x3_2, branch7x7x3_4, pool], 1)


class InceptionE(nn.Module):
    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.branch1x1 = NamedConvBn(in_channels, 320, 1)
        self.branch3x3_1 = NamedConvBn(in_channels, 384, 1)
        self.branch3x3_2a = NamedConvBn(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3_2b = NamedConvBn(384, 384, (3, 1), padding=(1, 0))
        self.branch3x3dbl_1 = NamedConvBn(in_channels, 448, 1)
        self.branch3x3dbl_2 = NamedConvBn(448, 384, 3, padding=1)
        self.branch3x3dbl_3a = NamedConvBn(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3dbl_3b = NamedConvBn(384, 384, (3, 1), padding=(1, 0))
        self.pool = nn.AvgPool2d(3, stride=1, padding=1)
        self.branch_pool = NamedConvBn(in_channels, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        branch1x1 = self.branch1x1(x)
        branch3x3_1 = self.branch3x3_1(x)
        branch3x3_2a = self.branch3x3_2a(branch3x3_1)
        branch3x3_2b = self.branch3x3_2b(branch3x3_1)
        branch3x3dbl_2 = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        branch3x3dbl_3a = self.branch3x3dbl_3a(branch3x3dbl_2)
        branch3x3dbl_3b = self.branch3x3dbl_3b(branch3x3dbl_2)
        branch_pool = self.branch_pool(self.pool(x))
        return torch.cat([branch1x1, branch3x3_2a, branch3x3_2b, branch3x3dbl_3a, branch3x3dbl_3b, branch_pool], 1)


class InceptionV3(nn.Module):
    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = NamedConvBn(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = NamedConvBn(32, 32, 3)
        self.Conv2d_2b_3x3 = NamedConvBn(32, 64, 3, padding=1)
        self.maxpool1 = nn.MaxPool2d(3, stride=2)
        self.Conv2d_3b_1x1 = NamedConvBn(64, 80, 1)
        self.Conv2d_4a_3x3 = NamedConvBn(80, 192, 3)
        self.maxpool2 = nn.MaxPool2d(3, stride=2)
        self.Mixed_5b = InceptionA(192, 32)
        self.Mixed_5c = InceptionA(256, 64)
        self.Mixed_5d = InceptionA(288, 64)
        self.Mixed_6a = InceptionB()
        self.Mixed_6b = InceptionC(128)
        self.Mixed_6c = InceptionC(160)
        self.Mixed_6d = InceptionC(160)
        self.Mixed_6e = InceptionC(192)
        self.AuxLogits = AuxHead(num_classes)
        self.Mixed_7a = InceptionD()
        self.Mixed_7b = InceptionE(1280)
        self.Mixed_7c = InceptionE(2048)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout()
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(2048, num_classes)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.trunc_normal_(module.weight, std=0.1)
        nn.init.trunc_normal_(self.get_parameter("AuxLogits.fc.weight"), std=0.001)

    def forward(self, x: Tensor) -> Tensor | dict[str, Tensor]:
        x = self.maxpool1(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))))
        x = self.Conv2d_3b_1x1(x)
        x = self.maxpool2(self.Conv2d_4a_3x3(x))
        x = self.Mixed_5b(x)
        x = self.Mixed_5c(x)
        x = self.Mixed_5d(x)
        x = self.Mixed_6a(x)
        x = self.Mixed_6b(x)
        x = self.Mixed_6c(x)
        x = self.Mixed_6d(x)
        Mixed_6e = self.Mixed_6e(x)
        if self.training:
            aux_logits = self.AuxLogits(Mixed_6e)
        x = self.avgpool(self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(Mixed_6e))))
        logits = self.fc(self.flatten(self.dropout(x)))
        if self.training:
            return {"logits": logits, "aux_logits": aux_logits}
        return logits
