"""``--to source``: one PyTorch module."""

from __future__ import annotations

from pathlib import Path

from archc.files import write_text
from archc.graph.cost import numbers
from archc.network import Network
from archc.targets import Options, Written, stem


class SourceTarget:
    """Writes ``NAME.py``; weights stay in the file that they are in."""

    needs_weights = False

    def write(self, network: Network, folder: Path, options: Options) -> Written:
        text = network.source()
        path = folder / f"{stem(network)}.py"
        write_text(path, text)
        params = sum(numbers(node.weights, buffers=False) for node in network.graph.nodes)
        return Written((path,), f"{text.count(chr(10)):,} lines · {params:,} parameters")


target = SourceTarget()
