"""Images scaled by `Resize` and cropped by `Slice`: for onnxruntime on a CPU, whose kernel visits few pixels.

With ``antialias`` and ``exclude_outside`` `Resize` computes as Pillow does: on bytes, rounded after each of its two
passes. https://onnx.ai/onnx/operators/onnx__Resize.html
"""

from __future__ import annotations

from typing import Any

from archc.backends.onnx.embed.plan import Plan
from archc.backends.onnx.embed.sizes import corner, lacking, resized
from archc.backends.onnx.embed.writer import Writer

Attributes = dict[str, Any]

_AS_PILLOW: Attributes = {"antialias": 1, "exclude_outside": 1}
_HOW: dict[str, Attributes] = {  # half_pixel is the default
    "nearest": {"mode": "nearest", "nearest_mode": "round_prefer_ceil"},
    "bilinear": {"mode": "linear", **_AS_PILLOW},
    "bicubic": {"mode": "cubic", "cubic_coeff_a": -0.5, **_AS_PILLOW},
}
_AXES = (1, 2)  # height and width


def crop(write: Writer, images: str, plan: Plan) -> str:
    """N × H × W × C bytes to N × C × height × width in fp32, of whole numbers."""
    scaled = resized(write, write("Shape", images, start=1, end=3), plan)
    images = write("Resize", images, "", "", scaled, axes=_AXES, **_HOW[plan.interpolation])
    start = write.cast(corner(write, scaled, plan), "int64")
    if any(missing := lacking(plan)):
        images = write("Pad", images, write.ints(0, *missing, 0, 0, *missing, 0))
        start = write("Add", start, write.ints(*missing))
    end = write("Add", start, write.ints(*plan.size))
    middle = write("Slice", images, start, end, write.ints(*_AXES))
    known = write("Reshape", middle, write.ints(-1, *plan.size, plan.channels))  # sizes that follow are fixed
    return write.cast(write("Transpose", known, perm=(0, 3, 1, 2)), "float32")
