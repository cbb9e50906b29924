"""torchvision, the reference of the zoo, also where its wheel was built for another build of torch."""

from __future__ import annotations

import importlib
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Any
from unittest.mock import patch

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


@contextmanager
def on_meta() -> Generator[None]:
    """torchvision's networks are made on the meta device, where their weights have no numbers and take no memory."""
    regnet: Any = import_torchvision().models.regnet
    compute = regnet.BlockParams.from_init_params

    def with_numbers(**given: Any) -> Any:
        with torch.device("cpu"):  # it computes widths with tensors, and reads them
            return compute(**given)

    with patch.object(regnet.BlockParams, "from_init_params", with_numbers), torch.device("meta"):
        yield
