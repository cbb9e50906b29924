"""UNet: U-Net for segmentation.

Ronneberger, Fischer and Brox, U-Net, MICCAI 2015, figure 1; padded and with batch norm

Written by archc 0.1.0 from specs/models/unet.yaml:unet (sha256 6fcc26799b08).
Edit the spec, not this file.
"""

import torch
from torch import Tensor, nn


class DoubleConv(nn.Sequential):
    def __init__(self, in_channels: int, out: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out, 3, padding=1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(inplace=True),
            nn.Conv2d(out, out, 3, padding=1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(inplace=True),
        )


class UpBlock(nn.Module):
    def __init__(self, in_channels: int, out: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(in_channels, out, 2, stride=2)
        self.conv = DoubleConv(in_channels, out)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.conv(torch.cat([skip, self.up(x)], 1))


class UNet(nn.Module):
    def __init__(self, num_classes: int = 2) -> None:
        super().__init__()
        self.enc0 = DoubleConv(3, 64)
        self.pool0 = nn.MaxPool2d(2)
        self.enc1 = DoubleConv(64, 128)
        self.pool1 = nn.MaxPool2d(2)
        self.enc2 = DoubleConv(128, 256)
        self.pool2 = nn.MaxPool2d(2)
        self.enc3 = DoubleConv(256, 512)
        self.pool3 = nn.MaxPool2d(2)
        self.bottom = DoubleConv(512, 1024)
        self.dec3 = UpBlock(1024, 512)
        self.dec2 = UpBlock(512, 256)
        self.dec1 = UpBlock(256, 128)
        self.dec0 = UpBlock(128, 64)
        self.out = nn.Conv2d(64, num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        enc0 = self.enc0(x)
        enc1 = self.enc1(self.pool0(enc0))
        enc2 = self.enc2(self.pool1(enc1))
        enc3 = self.enc3(self.pool2(enc2))
        dec2 = self.dec2(self.dec3(self.bottom(self.pool3(enc3)), enc3), enc2)
        return self.out(self.dec0(self.dec1(dec2, enc1), enc0))
