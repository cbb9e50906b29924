"""The same with torchinfo: modules on the meta device, on which nothing is computed."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import torch
import torchinfo

from tests.support.vision import import_torchvision

ZOO = Path(__file__).parents[2] / "zoo" / "torchvision_zoo.json"

models = import_torchvision().models
warnings.simplefilter("ignore")
parameters = models.regnet.BlockParams
compute = parameters.from_init_params


def with_numbers(**given: object) -> object:
    with torch.device("cpu"):  # RegNet's widths are computed with tensors
        return compute(**given)


parameters.from_init_params = with_numbers
for name, figures in json.loads(ZOO.read_text(encoding="utf-8"))["networks"].items():
    with torch.device("meta"):
        model = getattr(models, name)()
    torchinfo.summary(model, (1, *figures["input"]), device="meta", verbose=0)
