"""Ops that torchvision has too compute the same bits, and in training draw the same random numbers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from archc.ops import OPS, Shape
from tests.support.ops import Case, executed
from tests.support.vision import import_torchvision


@pytest.fixture(scope="module")
def torchvision() -> Any:
    return import_torchvision()


def made(name: str, *args: Any, on: Shape, **kwargs: Any) -> nn.Module:
    case = Case(OPS[name].of(*args, **kwargs), (on,))
    return executed(case.op.torch(on)).made


@pytest.mark.parametrize("p", [0.0, 0.2, 0.7, 1.0])
@pytest.mark.parametrize("training", [False, True])
def test_drop_path_is_stochastic_depth_by_row(torchvision: Any, p: float, training: bool) -> None:
    x = torch.randn(16, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    outputs, next_draws = [], []
    for module in (made("drop_path", p, on=Shape((3, 2, 2))), torchvision.ops.StochasticDepth(p, "row")):
        torch.manual_seed(5)
        outputs.append(module.train(training)(x))
        next_draws.append(torch.rand(4))
    assert torch.equal(*outputs)
    assert torch.equal(*next_draws)


def test_drop_path_of_zero_draws_nothing() -> None:
    module = made("drop_path", 0.0, on=Shape((3, 2, 2))).train()
    torch.manual_seed(5)
    expected = torch.rand(4)
    torch.manual_seed(5)
    module(torch.ones(8, 3, 2, 2))
    assert torch.equal(torch.rand(4), expected)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_channel_shuffle_is_that_of_shufflenet(torchvision: Any, groups: int) -> None:
    x = torch.randn(2, 8, 3, 5)
    expected = torchvision.models.shufflenetv2.channel_shuffle(x, groups)
    assert torch.equal(made("channel_shuffle", groups, on=Shape((8, 3, 5)))(x), expected)


def test_layer_norm2d_is_that_of_convnext(torchvision: Any) -> None:
    x = torch.randn(2, 6, 3, 5)
    expected = torchvision.models.convnext.LayerNorm2d(6, eps=1e-6)(x)
    assert torch.equal(made("layer_norm2d", 1e-6, on=Shape((6, 3, 5)))(x), expected)


def test_channel_affine_is_the_input_transform_of_inception(torchvision: Any) -> None:
    model = torchvision.models.googlenet(weights=None, init_weights=False, aux_logits=False, transform_input=True)
    x = torch.randn(2, 3, 4, 5)
    scale = [0.229 / 0.5, 0.224 / 0.5, 0.225 / 0.5]
    shift = [(0.485 - 0.5) / 0.5, (0.456 - 0.5) / 0.5, (0.406 - 0.5) / 0.5]
    ours = made("channel_affine", scale, shift, on=Shape((3, 4, 5)))
    assert torch.equal(ours(x), model._transform_input(x))
