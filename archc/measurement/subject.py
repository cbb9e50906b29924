"""What is measured: a model in a file, and, where it is known, the network and the weights that it was made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
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
    from archc.backends.init import InitialValues

    weighted = weights or network.load_weights(InitialValues(network.graph, seed))
    name = network.graph.variant or network.graph.name
    report = weighted.onnx(folder / f"{name}.onnx", **export)
    return Subject(name, report.path, weighted)


def of_model(path: Path, weights: Path | None = None) -> Subject:
    """A model in a file. If archc wrote it, its metadata has the spec; its weights are random or in the file given.

    Raises ModelError where it is no model, and WeightsError where the weights are not its network's.
    """
    from archc.measurement.workload.view import read_model

    metadata = {entry.key: entry.value for entry in read_model(path).metadata_props}
    if "spec_text" not in metadata:
        return Subject(path.name, path, None, "it does not hold its spec")
    if weights is None and not _RANDOM.fullmatch(metadata.get("weights", "")):
        return Subject(path.name, path, None, "it holds its weights only as they were folded")
    try:
        return Subject(path.name, path, _weighted(metadata, weights))
    except (CompileError, RequestError) as e:
        return Subject(path.name, path, None, f"the spec in it does not compile by itself: {e}")


def _weighted(metadata: Mapping[str, str], weights: Path | None) -> Weighted:
    from archc.backends.init import InitialValues

    network = _compiled(metadata["spec_text"], metadata.get("spec", ""))
    if weights is not None:
        return network.load_weights(weights)
    random = _RANDOM.fullmatch(metadata.get("weights", ""))
    return network.load_weights(InitialValues(network.graph, int(random[1]) if random else 0))


def _compiled(text: str, name: str) -> Network:
    from archc.compiler import open_spec

    _, _, variant = name.rpartition(":")
    with TemporaryDirectory(prefix="archc-") as folder:
        file = Path(folder) / "spec.yaml"
        file.write_text(text, encoding="utf-8")
        found, _ = open_spec(file)
        return Network.of(found, variant if variant in found.variants else None, {}, None)
