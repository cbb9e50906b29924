"""LeNet5Sigmoid: LeNet-5 with sigmoids and average pooling.

LeCun et al., Gradient-Based Learning Applied to Document Recognition, Proceedings of the IEEE 1998, figure 2;
layers of Zhang et al., Dive into Deep Learning, section 7.6

Written by archc 0.1.0 from specs/models/lenet_d2l.yaml:lenet5_sigmoid (sha256 f54084cf8017).
Edit the spec, not this file.
"""

from torch import Tensor, nn


class LeNet5Sigmoid(nn.Module):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2),
            nn.Sigmoid(),
            nn.AvgPool2d(2),
            nn.Conv2d(6, 16, 5),
            nn.Sigmoid(),
            nn.AvgPool2d(2),
        )
        self.flatten = nn.Flatten()
        self.classifier = nn.Sequential(
            nn.Linear(400, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, num_classes)
        )
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.xavier_uniform_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.flatten(self.features(x)))
