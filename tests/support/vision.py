"""torchvision, the reference of the zoo, also where its wheel was built for another build of torch."""

from __future__ import annotations

import importlib
from functools import cache
from types import ModuleType

import torch

_MISSING = "operator torchvision::nms does not exist"
_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_libraries: list[torch.library.Library] = []  # a library's operators vanish with it


@cache
def import_torchvision() -> ModuleType:
    """The module ``torchvision``. Raises ImportError or RuntimeError where it can't be used at all.

    Its compiled operators are not loaded beside a CPU-only torch, and importing it fails as it describes one of them.
    Classifiers need none: declared without a kernel, they let the import pass.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if _MISSING not in str(error):
            raise
    library = torch.library.Library("torchvision", "DEF")
    for schema in _SCHEMAS:
        library.define(schema)
    _libraries.append(library)
    return importlib.import_module("torchvision")
