"""Weights start as torchvision's do: the same constants, and near means and deviations."""

from __future__ import annotations

import pytest
import torch

import archc
from tests.zoo.reference import torchvision_model

ONE_OF_EACH_FAMILY = ("alexnet", "densenet121", "googlenet", "inception_v3", "resnet18", "squeezenet1_1", "vgg11_bn")
ENOUGH = 2_000  # numbers, for a deviation within some percent


@pytest.mark.parametrize("name", ONE_OF_EACH_FAMILY)
def test_initial_weights_have_torchvision_s_statistics(name: str) -> None:
    torch.manual_seed(0)
    theirs = torchvision_model(name).state_dict()
    torch.manual_seed(1)
    ours = archc.compile(name).module().state_dict()
    wrong: dict[str, tuple[float, float]] = {}
    for key, tensor in theirs.items():
        given, expected = _deviation(ours[key]), _deviation(tensor)
        constant = expected == 0
        close = torch.equal(ours[key], tensor) if constant else abs(given - expected) <= _tolerance(tensor) * expected
        if not close:
            wrong[key] = given, expected
    assert not wrong


def _deviation(tensor: torch.Tensor) -> float:
    return float(tensor.double().std(correction=0)) if tensor.numel() > 1 else 0.0


def _tolerance(tensor: torch.Tensor) -> float:
    """Of a drawn deviation, relative: coarse for few numbers, which are biases of a uniform distribution."""
    return 0.1 if tensor.numel() >= ENOUGH else 0.6
