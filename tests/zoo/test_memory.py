"""The memory that archc tells, against what PyTorch needs for the generated module."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import archc
from archc.graph.cost import Total, cost
from archc.network import Network
from tests.support.memory import alive_in_forward, allocated_in_forward, saved_for_backward
from tests.support.vision import import_torchvision

TOLERANCE = 0.1
CASES = [  # network, size of its input, batch
    ("alexnet", 224, 1),
    ("alexnet", 127, 3),
    ("vgg11_bn", 96, 2),
    ("resnet18", 224, 1),
    ("resnet50", 128, 2),
    ("resnext50_32x4d", 64, 2),
    ("wide_resnet50_2", 64, 2),
    ("densenet121", 96, 2),
    ("googlenet", 96, 2),
    ("inception_v3", 299, 2),
    ("squeezenet1_0", 96, 2),
    ("unet_small", 64, 2),
    ("nin", 127, 2),
    ("mobilenet_v2", 96, 2),
    ("mobilenet_v3_small", 96, 2),
    ("shufflenet_v2_x1_0", 96, 2),
    ("mnasnet0_5", 96, 2),
    ("efficientnet_b0", 96, 2),
    ("regnet_y_400mf", 96, 2),
    ("convnext_tiny", 96, 2),
]
every_case = pytest.mark.parametrize(("name", "size", "batch"), CASES)
gpu = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]


def _network(name: str, size: int) -> Network:
    (given,) = archc.compile(name).graph.inputs.values()
    return archc.compile(name, input=[given.shape.channels, size, size])


def _inputs(network: Network, batch: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(batch, *t.shape.dims, generator=generator) for t in network.graph.inputs.values()]


def _told(network: Network, batch: int) -> Total:
    return cost(network.graph, batch=batch).total


@every_case
def test_peak_of_inference(name: str, size: int, batch: int) -> None:
    network = _network(name, size)
    measured = alive_in_forward(network.module().eval(), _inputs(network, batch)).peak
    assert _told(network, batch).peak_activation_bytes == pytest.approx(measured, rel=TOLERANCE)


@every_case
def test_saved_for_backward(name: str, size: int, batch: int) -> None:
    network = _network(name, size)
    measured = saved_for_backward(network.module().train(), _inputs(network, batch))
    assert _told(network, batch).saved_for_backward_bytes == measured


@pytest.mark.parametrize("name", ["alexnet", "densenet121", "squeezenet1_0", "efficientnet_b0"])
def test_both_ways_to_measure_the_peak_agree(name: str) -> None:
    network = _network(name, 96)
    module, inputs = network.module().eval(), _inputs(network, 2)
    assert allocated_in_forward(module, inputs) == pytest.approx(alive_in_forward(module, inputs).peak, rel=0.01)


@pytest.mark.parametrize("name", ["resnet50", "googlenet", "inception_v3", "mobilenet_v2", "efficientnet_b0"])
def test_the_generated_module_needs_no_more_than_torchvisions(name: str) -> None:
    network = archc.compile(name)
    inputs = _inputs(network, 1)
    more = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    theirs: nn.Module = getattr(import_torchvision().models, name)(weights=None, **more).eval()
    ours = alive_in_forward(network.module().eval(), inputs).peak
    assert ours <= (1 + TOLERANCE) * alive_in_forward(theirs, inputs).peak


@pytest.mark.parametrize(("name", "size", "batch"), CASES, ids=str)
class TestOnCuda:
    """Libraries take workspaces from the same allocator, so that the peak it tells bounds from above alone."""

    pytestmark = gpu

    def test_peak_of_inference(self, name: str, size: int, batch: int) -> None:
        network = _network(name, size)
        module, inputs = network.module().eval().cuda(), [x.cuda() for x in _inputs(network, batch)]
        told = _told(network, batch).peak_activation_bytes
        assert told == pytest.approx(alive_in_forward(module, inputs).peak, rel=TOLERANCE)
        given = sum(x.untyped_storage().nbytes() for x in inputs)
        before = torch.cuda.memory_allocated() - given
        torch.cuda.reset_peak_memory_stats()
        with torch.inference_mode():
            module(*inputs)
        assert told <= (1 + TOLERANCE) * (torch.cuda.max_memory_allocated() - before)

    def test_saved_for_backward(self, name: str, size: int, batch: int) -> None:
        network = _network(name, size)
        module, inputs = network.module().train().cuda(), [x.cuda() for x in _inputs(network, batch)]
        given = sum(x.untyped_storage().nbytes() for x in inputs)
        before = torch.cuda.memory_allocated() - given
        outputs = module(*inputs)
        measured = torch.cuda.memory_allocated() - before
        del outputs
        assert _told(network, batch).saved_for_backward_bytes == pytest.approx(measured, rel=TOLERANCE)
