"""VGG11D2l: VGG-11 for Fashion-MNIST.

Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015, configuration
A; Zhang et al., Dive into Deep Learning, section 8.2

Written by archc 0.1.0 from specs/models/vgg_d2l.yaml:vgg11_d2l (sha256 d6536d45cee7).
Edit the spec, not this file.
"""

from torch import Tensor, nn


class VGGBlock(nn.Sequential):
    def __init__(self, in_channels2: int, width: int, in_channels: int, *, conv: bool = True) -> None:
        super().__init__(
            *([nn.Conv2d(in_channels2, width, 3, padding=1)] if conv else []),
            *([nn.ReLU(inplace=True)] if conv else []),
            nn.Conv2d(in_channels, width, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        )


class VGG11D2l(nn.Module):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(
            VGGBlock(1, 64, 1, conv=False),
            VGGBlock(64, 128, 64, conv=False),
            VGGBlock(128, 256, 256),
            VGGBlock(256, 512, 512),
            VGGBlock(512, 512, 512),
        )
        self.flatten = nn.Flatten()
        self.classifier = nn.Sequential(
            nn.Linear(25088, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(4096, num_classes),
        )
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.xavier_uniform_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.flatten(self.features(x)))
