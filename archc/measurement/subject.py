"""What is measured: a model in a file, and, where it is known, the network and the weights that it was made of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archc.diagnostics.diagnostic import CompileError, RequestError
from archc.network import Network, Weighted

_RANDOM = re.compile(r"random, seed (\d+)")


@dataclass(frozen=True)
class Subject:
    """``weighted`` is None where the network is not known; ``unknown`` then says why, and what to do."""

    name: str
    model: Path
    weighted: Weighted | None
    unknown: str = ""

    def known(self) -> Weighted:
        """The network and its weights, which torch runs. Raises RequestError where they are not known."""
        if self.weighted is None:
            raise RequestError(f"torch can't run {self.name}: {self.unknown}", "measure SPEC with --weights FILE")
        return self.weighted


def of_network(network: Network, weights: Weighted | None, folder: Path, seed: int = 0, **export: Any) -> Subject:
    """The network, written into ``folder`` with these weights, or with random ones; ``export`` is Network.onnx's."""
    weighted = weights or _weighted(network, None, seed)
    name = network.graph.variant or network.graph.name
    report = weighted.onnx(folder / f"{name}.onnx", **export)
    return Subject(name, report.path, weighted)


def of_model(path: Path, weights: Path | None = None) -> Subject:
    """A model in a file. If archc wrote it, it holds its spec; its weights are random or in the file given.

    Raises ModelError where it is no model, and WeightsError where the weights are not its network's.
    """
    from archc.backends.onnx.metadata import read_metadata
    from archc.recovery import recover

    metadata = read_metadata(path)
    if "record" not in metadata:
        return Subject(path.name, path, None, "it does not hold its spec")
    random = _RANDOM.fullmatch(metadata.get("weights", ""))
    if weights is None and random is None:
        return Subject(path.name, path, None, "it holds its weights only as they were folded")
    try:
        network = recover(path).network
    except (CompileError, RequestError) as e:
        return Subject(path.name, path, None, f"its spec does not compile any more: {e}")
    return Subject(path.name, path, _weighted(network, weights, int(random[1]) if random else 0))


def _weighted(network: Network, weights: Path | None, seed: int) -> Weighted:
    from archc.backends.init import InitialValues

    return network.load_weights(InitialValues(network.graph, seed) if weights is None else weights)
