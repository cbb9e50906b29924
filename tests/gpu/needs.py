"""The packages that are measured, or measured with. This module needs none of them."""

from __future__ import annotations

from importlib.util import find_spec

# Module → what pip calls it.
MODULES = {
    "click": "click", "jinja2": "jinja2", "numpy": "numpy", "onnx": "onnx", "onnxruntime": "onnxruntime-gpu",
    "onnxscript": "onnxscript", "PIL": "pillow", "pydantic": "pydantic", "rich": "rich", "safetensors": "safetensors",
    "torch": "torch", "yaml": "pyyaml",
}  # fmt: skip


def missing() -> list[str]:
    """Those that this Python lacks, as pip calls them."""
    return [package for module, package in MODULES.items() if find_spec(module) is None]
