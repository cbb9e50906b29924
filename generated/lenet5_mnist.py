"""LeNet5Mnist: LeNet-5 with ReLU and max pooling, for MNIST.

LeCun et al., Gradient-Based Learning Applied to Document Recognition, Proceedings of the IEEE 1998, figure 2;
layers and keys of the machine learning course's LAB 8, section 3

Written by archc 0.1.0 from specs/models/lenet.yaml:lenet5_mnist (sha256 8c85fe34ecb8).
Edit the spec, not this file.
"""

from torch import Tensor, nn


class LeNet5Mnist(nn.Module):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.conv_pool1 = nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(inplace=True), nn.MaxPool2d(2))
        self.conv_pool2 = nn.Sequential(nn.Conv2d(6, 16, 5), nn.ReLU(inplace=True), nn.MaxPool2d(2))
        self.flatten = nn.Flatten()
        self.fc1 = nn.Sequential(nn.Linear(400, 120), nn.ReLU(inplace=True))
        self.fc2 = nn.Sequential(nn.Linear(120, 84), nn.ReLU(inplace=True))
        self.out = nn.Sequential(nn.Linear(84, num_classes))

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc1(self.flatten(self.conv_pool2(self.conv_pool1(x))))
        x = self.fc2(x)
        return self.out(x)
