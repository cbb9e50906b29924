"""The reference figures, and torchvision's networks beside ours with the same weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import archc
from archc.network import Network
from tests.support.vision import import_torchvision

FIGURES: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "torchvision_zoo.json").read_text(encoding="utf-8")
)["networks"]
NAMES = sorted(FIGURES)
HUGE = ("regnet_y_128gf",)  # 645M parameters: its weights are drawn in no ordinary test
MODELS = Path(__file__).parents[2] / "specs" / "models"

# Smaller images where the full size would tell no more: it is kept by one network of each family.
_FULL_SIZE = (
    "alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet", "inception_v3",
    "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small", "regnet_y_400mf", "resnet18", "shufflenet_v2_x0_5",
    "squeezenet1_0", "vgg11",
)  # fmt: skip
_SMALL = 64
full_size = False  # for all, where the table of the library is written


def input_shape(name: str) -> list[int]:
    """The image, ``[C, H, W]``, on which a network is run here."""
    channels, height, width = FIGURES[name]["input"]
    return [channels, height, width] if full_size or name in _FULL_SIZE else [channels, _SMALL, _SMALL]


def torchvision_model(name: str, **kwargs: Any) -> nn.Module:
    """torchvision's network, its weights drawn as torchvision draws them."""
    models = import_torchvision().models
    if name in ("googlenet", "inception_v3"):
        kwargs.setdefault("init_weights", True)  # without, they warn that this will change
    return getattr(models, name)(weights=None, **kwargs)


def perturb_batch_norms(model: nn.Module) -> None:
    """Gives batch norms other numbers than ones and zeros, which would hide a mistake."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            module.num_batches_tracked.fill_(3)


def images(name: str, batch: int) -> Tensor:
    """A batch of noise."""
    return torch.randn(batch, *input_shape(name), generator=torch.Generator().manual_seed(batch))


def by_name(output: Any) -> dict[str, Tensor]:
    """What a network gives, by name: torchvision has named tuples, ours dicts; a tensor alone is the logits."""
    if isinstance(output, Mapping):
        return dict(output)
    return output._asdict() if hasattr(output, "_asdict") else {"logits": output}


@dataclass
class Pair:
    """One network, as torchvision has it and as archc builds it, with the same weights."""

    name: str
    theirs: nn.Module
    network: Network
    ours: nn.Module

    @staticmethod
    def of(name: str) -> Pair:
        torch.manual_seed(0)
        theirs = torchvision_model(name)
        perturb_batch_norms(theirs)
        network = archc.compile(name, input=input_shape(name))
        with torch.device("meta"):  # its own start is not wanted here, and takes time to draw
            ours = network.module()
        ours.load_state_dict({key: value.clone() for key, value in theirs.state_dict().items()}, assign=True)
        return Pair(name, theirs, network, ours)
