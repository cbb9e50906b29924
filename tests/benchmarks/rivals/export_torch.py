"""What a user of torch.onnx does to export a torchvision model: ``NAME WEIGHTS.safetensors OUT.onnx [FLAG…]``.

``torchscript`` takes the older of the two exporters, ``inline`` keeps the weights in the model, ``slim`` simplifies the
result by onnxslim.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

import torch
from safetensors.torch import load_file

from tests.support.vision import import_torchvision

name, weights, out, *flags = sys.argv[1:]
model = getattr(import_torchvision().models, name)()
model.load_state_dict(load_file(weights))
size = 299 if name == "inception_v3" else 224
inputs = (torch.zeros(2, 3, size, size),)
options: dict[str, Any] = {"dynamo": True, "dynamic_shapes": ({0: torch.export.Dim("N")},)}
if "torchscript" in flags:
    options = {"dynamo": False, "input_names": ["x"], "dynamic_axes": {"x": {0: "N"}}}
    warnings.simplefilter("ignore", DeprecationWarning)
elif "inline" in flags:
    options["external_data"] = False
torch.onnx.export(model.eval(), inputs, out, **options)
if "slim" in flags:
    import onnxslim

    onnxslim.slim(out, out)
