"""All of torchvision's classifiers, summarised to JSON by one process, which must not import torch."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import archc

ZOO = Path(__file__).parents[1] / "zoo" / "torchvision_zoo.json"

names = json.loads(ZOO.read_text(encoding="utf-8"))["networks"]
totals = [json.loads(archc.compile(name).table().json())["total"]["params"] for name in names]
assert totals == [figures["params"] for figures in names.values()]
assert not {"torch", "onnx", "numpy"} & sys.modules.keys()
print(len(totals))
