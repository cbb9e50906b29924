"""``--to source``: one PyTorch module."""

from __future__ import annotations

from pathlib import Path

from archc.backends.targets import Options, Written, stem
from archc.backends.torch_source import source
from archc.files import write_text
from archc.graph.cost import numbers
from archc.graph.graph import Graph


class SourceTarget:
    """Writes ``NAME.py``; weights stay in the file that they are in."""

    needs_weights = False

    def write(self, graph: Graph, folder: Path, options: Options) -> Written:
        text = source(graph)
        path = folder / f"{stem(graph)}.py"
        write_text(path, text)
        params = sum(numbers(node.weights, buffers=False) for node in graph.nodes)
        return Written((path,), f"{text.count(chr(10)):,} lines · {params:,} parameters")


target = SourceTarget()
