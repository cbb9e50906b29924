"""What a user of torch.onnx does to export a torchvision model: ``NAME WEIGHTS.safetensors OUT.onnx``."""

from __future__ import annotations

import sys

import torch
from safetensors.torch import load_file

from tests.support.vision import import_torchvision

name, weights, out = sys.argv[1:]
model = getattr(import_torchvision().models, name)()
model.load_state_dict(load_file(weights))
torch.onnx.export(
    model.eval(),
    (torch.zeros(2, 3, 224, 224),),
    out,
    dynamo=True,
    dynamic_shapes=({0: torch.export.Dim("N")},),
)
