"""Files of weights as torchvision's networks and its training scripts leave them."""

from __future__ import annotations

import re
import warnings
from argparse import Namespace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from tests.support.vision import import_torchvision
from tests.zoo.reference import perturb_batch_norms, torchvision_model


def network(name: str, **kwargs: Any) -> nn.Module:
    """torchvision's, with batch norms that show a mistake, in eval mode."""
    torch.manual_seed(0)
    model = torchvision_model(name, **kwargs)
    perturb_batch_norms(model)
    return model.eval()


def old_densenet(path: Path, model: nn.Module) -> Path:
    """As torchvision's own files are: `denselayer1.norm.1.weight`, and no batches counted."""
    state = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)", r"\1.\2", key): value
        for key, value in model.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    torch.save(state, path)
    return path


def old_mnasnet(path: Path, alpha: float) -> nn.Module:
    """A network of torchvision before 0.5, which its present class becomes when it loads such weights; and its file."""
    models = import_torchvision().models
    model = models.MNASNet(alpha)
    state = model.state_dict()
    # The stem is that of alpha 1; of the first block, what reads it: its expansion from 16 channels to 48.
    for key, tensor in models.MNASNet(1.0).state_dict().items():
        if key.startswith("layers.") and (int(key.split(".")[1]) < 8 or key.startswith("layers.8.0.layers.")):
            state[key] = tensor
    out = state["layers.8.1.layers.0.weight"].shape[1]
    state["layers.8.0.layers.6.weight"] = torch.randn(out, 48, 1, 1)
    for name in ("weight", "bias", "running_mean", "running_var"):
        state[f"layers.8.0.layers.7.{name}"] = torch.rand(out) + 0.5
    state._metadata[""]["version"] = 1
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "A new version of MNASNet", UserWarning)
        model.load_state_dict(state)
    perturb_batch_norms(model)
    torch.save(model.state_dict(), path)
    return model.eval()


def training_checkpoint(path: Path, model: nn.Module, *, ema: bool = True) -> dict[str, Tensor]:
    """As torchvision's reference scripts save one; gives the averaged weights in it."""
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.5))
    averaged.update_parameters(model)
    with torch.no_grad():
        for parameter in averaged.module.parameters():
            parameter.add_(0.01)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    content = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "lr_scheduler": torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 3, 5]).state_dict(),
        "epoch": 7,
        "args": Namespace(lr=0.1, model="resnet18", mixup_alpha=None),
    }
    torch.save({**content, "model_ema": averaged.state_dict()} if ema else content, path)
    return averaged.module.state_dict()
