"""What a model's metadata says of its inputs and outputs; ``archc.backends.onnx.metadata`` lists all entries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from archc.runtime.errors import ModelError

_ANEW = "--labels FILE says them anew"


def embedded(metadata: Mapping[str, str]) -> list[str]:
    """What is in the model beside the network: ``preprocess``, ``topk``; nothing where it is another tool's word."""
    try:
        found = json.loads(metadata.get("embedded", "[]"))
    except (ValueError, RecursionError):
        return []
    return [str(name) for name in cast("list[Any]", found)] if isinstance(found, list) else []


def labels(metadata: Mapping[str, str]) -> dict[str, list[str]]:
    """Output → the names of its classes. Raises ModelError where it is not of that form."""
    try:
        found = json.loads(metadata.get("labels", "{}"))
    except (ValueError, RecursionError) as e:
        raise ModelError("the model's metadata `labels` is no JSON", _ANEW) from e
    by_output = cast("dict[str, Any]", found) if isinstance(found, dict) else None
    if by_output is None or not all(isinstance(names, list) for names in by_output.values()):
        raise ModelError("the model's metadata `labels` is no mapping of outputs", _ANEW)
    return {name: [str(label) for label in names] for name, names in by_output.items()}
