"""Weights start as torchvision's do, of PyTorch's module and of numpy: the same constants, the same distributions."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

import archc
from archc.backends.init import InitialValues
from archc.network import Network
from tests.support.samples import differs
from tests.support.vision import import_torchvision
from tests.zoo import documents
from tests.zoo.reference import FIGURES, HUGE, MODELS, NAMES, torchvision_model

Array = NDArray[Any]
State = Mapping[str, Array]

# The smallest of each family, and those whose layers are of another kind.
OF_EACH_FAMILY = (
    "alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet", "inception_v3",
    "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small", "regnet_x_400mf", "regnet_y_400mf", "resnet18", "resnet50",
    "shufflenet_v2_x0_5", "squeezenet1_0", "vgg11",
)  # fmt: skip
# More tell nothing new of their family, and take long.
OTHERS = [n for n in NAMES if n not in OF_EACH_FAMILY + HUGE and FIGURES[n]["params"] < 140e6]
MOST = 100_000  # numbers of a tensor that are compared


def draws(params: int) -> int:
    """How many times a network is drawn, so that small tensors have numbers enough: fewer times where it is large."""
    return 8 if params < 10e6 else 4 if params < 20e6 else 2 if params < 100e6 else 1


def drawn(draw: Callable[[int], State], times: int) -> dict[str, Array]:
    """State_dict key → numbers with which the weight starts, of several draws."""
    kept: dict[str, list[Array]] = {}
    for seed in range(times):
        for key, value in draw(seed).items():
            flat = np.asarray(value).ravel()
            kept.setdefault(key, []).append(flat[:: -(-flat.size * times // MOST)].copy())
    gc.collect()
    return {key: np.concatenate(values) for key, values in kept.items()}


def of_module(make: Callable[[], nn.Module], offset: int) -> Callable[[int], State]:
    """Draws of a module, from seeds that no other has."""

    def draw(seed: int) -> State:
        torch.manual_seed(seed + offset)
        return {key: tensor.numpy() for key, tensor in make().state_dict().items()}

    return draw


def differences(ours: dict[str, Array], theirs: dict[str, Array]) -> dict[str, str]:
    """State_dict key → what is different. Entries are compared in order: other documents have other names."""
    pairs = zip(ours.items(), theirs.values(), strict=True)
    found = {key: differs(a, b) for (key, a), b in pairs}
    return {key: text for key, text in found.items() if text}


def check(network: Network, theirs: Callable[[], nn.Module]) -> None:
    """Compares both starts of the network with another module's."""
    times = draws(sum(prod(entry.weight.shape) for entry in network.graph.state))
    expected = drawn(of_module(theirs, 0), times)
    assert not differences(drawn(of_module(network.module, 1000), times), expected)
    assert not differences(drawn(lambda seed: InitialValues(network.graph, seed), times), expected)


@pytest.mark.parametrize("name", OF_EACH_FAMILY)
def test_starts_as_torchvision_s(name: str) -> None:
    check(archc.compile(name), lambda: torchvision_model(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_starts_as_torchvision_s_too(name: str) -> None:
    check(archc.compile(name), lambda: torchvision_model(name))


def test_the_feature_pyramid_starts_as_torchvision_s() -> None:
    import_torchvision()
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

    given = {"backbone_name": "resnet50", "weights": None, "norm_layer": nn.BatchNorm2d, "trainable_layers": 5}
    check(archc.compile("resnet50_fpn"), lambda: resnet_fpn_backbone(**given))


def init_cnn(module: nn.Module) -> None:
    """How *Dive into Deep Learning* starts its networks: their weights by Xavier, their biases as PyTorch's."""
    if isinstance(module, nn.Linear | nn.Conv2d):
        nn.init.xavier_uniform_(module.weight)


BY_XAVIER = (
    documents.lenet5_sigmoid, documents.alexnet_d2l, documents.vgg11_d2l_quarter, documents.nin,
    documents.googlenet_d2l, documents.resnet18_d2l, documents.densenet_d2l,
)  # fmt: skip


@pytest.mark.parametrize("document", BY_XAVIER, ids=lambda f: f.__name__)
def test_starts_by_xavier_where_the_document_does(document: Callable[[], nn.Module]) -> None:
    check(archc.compile(document.__name__), lambda: document().apply(init_cnn))


@pytest.mark.parametrize("document", [documents.lenet5_mnist, documents.resnet34_cifar], ids=lambda f: f.__name__)
def test_starts_as_pytorch_where_the_document_says_nothing(document: Callable[[], nn.Module]) -> None:
    check(archc.compile(document.__name__), document)


@pytest.mark.parametrize(
    ("key", "rule"),
    [
        ("features.6.block.0.0.weight", "normal(std=0.97 * sqrt(2 / fan_out))"),
        ("features.6.block.0.0.weight", 'kaiming_uniform(mode="fan_out", nonlinearity="relu")'),
        ("features.6.block.0.1.weight", "zeros"),
        ("classifier.3.bias", "uniform(-1 / sqrt(fan_in), 1 / sqrt(fan_in))"),
        ("classifier.3.weight", "trunc_normal(std=0.01, a=-0.02, b=0.02)"),
    ],
)
def test_another_start_is_found(key: str, rule: str, tmp_path: Path) -> None:
    text = (MODELS / "mobilenet_v3.yaml").read_text(encoding="utf-8")
    path = tmp_path / "mobilenet_v3.yaml"
    (tmp_path / "imagenet.txt").write_bytes((MODELS / "imagenet.txt").read_bytes())
    path.write_text(re.sub(r"(?m)^  linear: .*", rf"\g<0>\n  {key}: '{rule}'", text), encoding="utf-8")
    network = archc.compile(f"{path}:mobilenet_v3_small")
    expected = drawn(of_module(lambda: torchvision_model("mobilenet_v3_small"), 0), 8)
    assert list(differences(drawn(of_module(network.module, 1000), 8), expected)) == [key]
    assert list(differences(drawn(lambda seed: InitialValues(network.graph, seed), 8), expected)) == [key]
