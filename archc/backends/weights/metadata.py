"""What a file of weights that archc wrote says of their network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from archc.display.text import clean
from archc.graph.graph import Graph
from archc.graph.structure import structure_hash
from archc.version import __version__

SPEC, STRUCTURE, PARAMS = "spec", "structure_sha256", "params"


def written(graph: Graph) -> dict[str, str]:
    """What is written beside the weights of a network."""
    plain = {name: value for name, value in graph.params.items() if _is_plain(value)}
    return {
        "archc_version": __version__,
        "format": "pt",  # whose names and layouts the tensors have; other readers of such files ask for it
        SPEC: graph.spec_name,
        "spec_sha256": graph.spec_hash,
        STRUCTURE: structure_hash(graph),
        PARAMS: json.dumps(plain),
    }


class Metadata:
    """What a file says, be it of archc or not."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    @property
    def structure(self) -> str | None:
        """The hash of the network that the file was written from; None where archc did not write it."""
        return self._texts.get(STRUCTURE)

    @property
    def spec(self) -> str:
        """The spec of that network, as messages show it."""
        return clean(self._texts.get(SPEC, "another spec"), 200)

    def is_of(self, graph: Graph) -> bool:
        """Whether it is the spec of a graph."""
        return self._texts.get(SPEC) == graph.spec_name

    @property
    def params(self) -> Mapping[str, Any]:
        """The parameters of that network; none where there is no sense in what is said."""
        try:
            params = json.loads(self._texts.get(PARAMS, "{}"))
        except (ValueError, RecursionError):
            return {}
        return cast(dict[str, Any], params) if isinstance(params, dict) else {}


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, cast(list[Any], value)))
    return value is None or isinstance(value, bool | int | float | str)
