"""``archc expand``: its output is a spec, and that of the same network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import archc as api
from archc.backends.expanded import expanded
from archc.graph.graph import Graph, Tensor
from archc.graph.initial import initialisers
from tests.cli.conftest import Archc
from tests.conftest import Golden

GOLDENS = Path(__file__).parent / "goldens"

# References that a plain name can't make: an outer list's child hidden by a nearer one of its number, lists of tensors,
# dotted names built in turn, children that build nothing, parameters, several inputs and outputs, and quoting.
TRICKY = """\
name: tricky
input: {image: [4, 8, 8], depth: [2, 8, 8]}
blocks:
  gated(out, k=3):
    - conv(out, k, padding=k // 2)
    - relu
    - - conv(out, 1)
      - relu
      - sum <- prev, x: add
  maybe(on): {if on: relu}
body:
  both <- image, depth: concat
  parts: chunk(3)
  a.0 <- parts[0]: conv(4, 1)
  b.0 <- parts[-1]: conv(4, 1)
  a.1 <- a.0: relu
  b.1 <- b.0, parts[0]: concat
  pair <- a.1, b.1: tuple
  cat <- pair: concat
  list:
    - conv(8, 1)
    - gated(8)
    - maybe(False)
    - maybe(True)
    - - gated(8, k=1)
      - relu
  token: parameter([1, 8, 1, 1], init=0.5)
  shifted <- list, token: add
  upper: upsample(2, mode="nearest")
head:
  out <- shifted: conv(2, 1)
outputs: {out: out, upper: upper}
train_outputs: {out: out, aux: 'parts[1]', upper: upper}
init: {conv: {weight: "trunc_normal(std=0.02, a=-2, b=2)", bias: zeros}, "list.*.weight": ones}
"""


def meaning(graph: Graph) -> dict[str, Any]:
    """Everything of a graph but how its spec is written."""

    def named(tensors: dict[str, Tensor]) -> dict[str, tuple[str, int]]:
        return {name: source(t) for name, t in tensors.items()}

    def source(tensor: Tensor) -> tuple[str, int]:
        return (tensor.producer.path, tensor.index) if tensor.producer else (tensor.name, -1)

    return {
        "names": (graph.name, graph.variant, graph.title, graph.source),
        "inputs": {name: t.shape for name, t in graph.inputs.items()},
        "nodes": [
            (n.path, n.op, [source(t) for t in n.inputs], [t.shape for t in n.outputs], n.many) for n in graph.nodes
        ],
        "state": [(entry.key, entry.weight) for entry in graph.state],
        "outputs": (named(graph.outputs), named(graph.train_outputs)),
        "start": initialisers(graph),
        "described": (graph.preprocess, graph.labels),
    }


def compiled_again(graph: Graph, folder: Path) -> Graph:
    path = folder / "expanded.yaml"
    path.write_text(expanded(graph), encoding="utf-8")
    return api.compile(path).graph


def test_tricky_wiring_survives(folder: Path, golden: Golden) -> None:
    (folder / "tricky.yaml").write_text(TRICKY)
    graph = api.compile("tricky.yaml").graph
    golden(GOLDENS / "expanded_tricky.yaml", expanded(graph))
    assert meaning(compiled_again(graph, folder)) == meaning(graph)


LIBRARY = [
    "resnet50", "densenet121", "googlenet", "inception_v3", "squeezenet1_0", "unet_small", "vgg11_bn", "nin",
    "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small", "shufflenet_v2_x1_0",
]  # fmt: skip


@pytest.mark.parametrize("name", LIBRARY)
def test_networks_of_the_library_survive(name: str, folder: Path) -> None:
    graph = api.compile(name).graph
    assert meaning(compiled_again(graph, folder)) == meaning(graph)


def test_a_comment_has_a_blank_before_it_however_long_the_layer() -> None:
    lines = expanded(api.compile("shufflenet_v2_x1_0").graph).splitlines()
    assert not [line for line in lines if re.search(r"\S#", line)]


def test_the_command_prints_it(archc: Archc, folder: Path, golden: Golden) -> None:
    result = archc("expand", "tiny.yaml:small", "--set", "act=leaky_relu")
    assert (result.code, result.err) == (0, "")
    golden(GOLDENS / "expand_tiny.yaml", result.out)
    (folder / "again.yaml").write_text(result.out)
    assert archc("summarize", "again.yaml").code == 0
