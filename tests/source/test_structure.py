"""Each written module keeps the keys and gives what the layers give one by one, however odd the network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from archc.backends.torch_source import source
from tests.source.cases import CASES, spec
from tests.source.checks import check, graph_of


@pytest.mark.parametrize("name", CASES)
def test_the_module_keeps_keys_and_results(name: str, tmp_path: Path) -> None:
    check(graph_of(tmp_path, spec(CASES[name])))


def test_several_inputs_are_arguments_in_their_order(tmp_path: Path) -> None:
    text = """
name: two
input: {image: [3, 8, 8], in: [1, 8, 8]}
body:
  a <- image: conv(4, 1)
  b <- in: conv(4, 1)
  sum <- b, a: add
"""
    graph = graph_of(tmp_path, text)
    check(graph)
    assert "def forward(self, image: Tensor, in_: Tensor) -> Tensor:" in source(graph)


def test_a_parameter_of_the_spec_becomes_one_of_the_network(tmp_path: Path) -> None:
    text = """
name: net
input: [3, 8, 8]
params: {num_classes: 10}
body:
  pool: global_avg_pool
  flatten: flatten
  fc: linear(num_classes)
"""
    graph, other = graph_of(tmp_path, text), graph_of(tmp_path, text, num_classes=11)
    assert "def __init__(self, num_classes: int = 10) -> None:" in source(graph, [other])
    assert "def __init__(self) -> None:" in source(graph)


def test_an_alternative_of_another_structure_is_left_aside(tmp_path: Path) -> None:
    text = """
name: net
input: [8, 8, 8]
params: {n: 2}
body:
  for i in range(n):
    conv${i}: conv(8 + n, 1)
"""
    graph, other = graph_of(tmp_path, text), graph_of(tmp_path, text, n=3)
    assert source(graph, [other]) == source(graph)


def test_the_same_graph_gives_the_same_text(tmp_path: Path) -> None:
    text = spec(CASES["blocks in each other"])
    assert source(graph_of(tmp_path, text)) == source(graph_of(tmp_path, text))


def test_training_overwrites_nothing_that_backward_needs(tmp_path: Path) -> None:
    text = spec("""
        body:
          a: sigmoid
          b: relu
          c <- a, b: mul
          d: silu
          e: hardswish
          f: conv(8, 1)
          g: relu
          h: leaky_relu(-0.1)
          i <- g, h: add
          j: chunk(2)
          k <- j[0]: relu
          l <- j[1], k: concat
    """)
    graph = graph_of(tmp_path, text)
    module = check(graph)
    x = torch.randn(2, 8, 6, 6, requires_grad=True)
    module(x * 1).sum().backward()
    assert x.grad is not None
    assert "nn.ReLU(inplace=True)" in source(graph)  # g overwrites what f gives


def test_inplace_never_takes_the_place_of_an_argument_left_out(tmp_path: Path) -> None:
    """``nn.LeakyReLU(True)`` would be one of slope 1."""
    text = """
name: net
input: [8, 6, 6]
blocks:
  unit(act):
    conv: conv(8, 1)
    act: act
body:
  - conv(8, 1)
  - leaky_relu
  - conv(8, 1)
  - elu
  - unit(leaky_relu)
  - unit(leaky_relu(0.2))
  - conv(8, 1)
"""
    graph = graph_of(tmp_path, text)
    written = source(graph)
    assert "nn.LeakyReLU(inplace=True)" in written
    assert "nn.ELU(inplace=True)" in written
    assert "(True" not in written
    check(graph)
