"""The same with torchinfo: modules on the meta device, on which nothing is computed."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import torchinfo

from tests.support.vision import import_torchvision, on_meta

ZOO = Path(__file__).parents[2] / "zoo" / "torchvision_zoo.json"

models = import_torchvision().models
warnings.simplefilter("ignore")
for name, figures in json.loads(ZOO.read_text(encoding="utf-8"))["networks"].items():
    with on_meta():
        model = getattr(models, name)()
    torchinfo.summary(model, (1, *figures["input"]), device="meta", verbose=0)
