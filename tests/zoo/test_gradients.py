"""Gradients are torchvision's: nothing that runs in place writes over what the backward pass reads."""

from __future__ import annotations

import pytest
import torch

from tests.zoo.reference import Pair, by_name, images

# Mistakes would be those of blocks, so one network of each kind is enough.
NETWORKS = (
    "alexnet",
    "convnext_tiny",
    "densenet121",
    "efficientnet_b0",
    "efficientnet_v2_s",
    "googlenet",
    "inception_v3",
    "mnasnet0_5",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "regnet_x_400mf",
    "regnet_y_400mf",
    "resnet18",
    "resnext50_32x4d",
    "shufflenet_v2_x1_0",
    "squeezenet1_1",
    "vgg11_bn",
)


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_agree(name: str) -> None:
    pair = Pair.of(name)
    x = images(name, 2)
    for model in (pair.theirs, pair.ours):
        torch.manual_seed(1)
        sum(tensor.square().mean() for tensor in by_name(model.train()(x)).values()).backward()
    ours = dict(pair.ours.named_parameters())
    for key, parameter in pair.theirs.named_parameters():
        given, expected = ours[key].grad, parameter.grad
        assert given is not None and expected is not None, key
        difference = torch.linalg.vector_norm(given - expected)
        assert difference <= 1e-4 * torch.linalg.vector_norm(expected), key
