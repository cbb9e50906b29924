"""What a user of torchinfo does to see ResNet-50."""

from __future__ import annotations

import torchinfo

from tests.support.vision import import_torchvision

torchinfo.summary(import_torchvision().models.resnet50(), input_size=(1, 3, 224, 224), verbose=1)
