"""Written modules in PyTorch's hands: compiled, exported, copied, pickled, spread, in other types and layouts."""

from __future__ import annotations

import copy
import inspect
import io
import pickle
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn

from archc.backends.torch_module import load, module
from archc.backends.torch_source import source
from archc.graph.graph import Graph
from tests.source.checks import graph_of, scrambled

SPEC = """
name: features
input: [3, 16, 16]
params: {num_classes: 10}
blocks:
  unit(out, stride=1):
    conv: conv(out, 3, stride=stride, padding=1, bias=False)
    bn: batch_norm
    relu: relu
    if stride == 1 and x.channels == out:
      path: drop_path(0.2)
      sum <- path, x: add
  gate:
    scale: parameter([x.channels, 1, 1], 0.5)
    halves <- x: chunk(2)
    swapped <- halves[1], halves[0]: concat
    out <- swapped, scale: mul
stem:
  conv1: conv(8, 3, padding=1)
body:
  layers:
    - unit(8)
    - unit(16, 2)
    - unit(16)
  gate: gate
head:
  aux <- gate: conv(4, 1)
  pool <- gate: global_avg_pool
  flatten: flatten
  drop: dropout(0.5)
  fc: linear(num_classes)
outputs: {logits: fc}
train_outputs: {logits: fc, aux: aux}
init:
  conv:
    weight: kaiming_normal(mode="fan_out", nonlinearity="relu")
    bias: zeros
  "layers.*.bn.weight": constant(0.75)
  "fc.bias": constant(-4.6)
"""


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    return graph_of(tmp_path_factory.mktemp("spec"), SPEC)


@pytest.fixture
def net(graph: Graph) -> nn.Module:
    return scrambled(module(graph))


@pytest.fixture
def x() -> Tensor:
    return torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def test_compiles_as_one_graph_in_both_modes(net: nn.Module, x: Tensor) -> None:
    compiled = torch.compile(net.eval(), backend="eager", fullgraph=True)
    assert torch.equal(compiled(x), net(x))
    given = torch.compile(net.train(), backend="eager", fullgraph=True)(x)
    assert list(given) == ["logits", "aux"]


def test_exports_for_any_batch(net: nn.Module, x: Tensor) -> None:
    program = torch.export.export(net.eval(), (x,), dynamic_shapes={"x": {0: torch.export.Dim("batch")}})
    more = torch.cat([x, x, x])
    torch.testing.assert_close(program.module()(more), net(more))


def test_copies_are_their_own(net: nn.Module, x: Tensor) -> None:
    twin = copy.deepcopy(net.eval())
    expected = net(x)
    assert torch.equal(twin(x), expected)
    scaled = next(twin.parameters())
    with torch.no_grad():
        scaled.mul_(2)
    assert torch.equal(net(x), expected)
    assert not torch.equal(twin(x), expected)


def test_pickles_whole(net: nn.Module, x: Tensor) -> None:
    again = pickle.loads(pickle.dumps(net.eval()))
    assert torch.equal(again(x), net(x))
    file = io.BytesIO()
    torch.save(net, file)
    file.seek(0)
    assert torch.equal(torch.load(file, weights_only=False)(x), net(x))


def test_shows_its_source(net: nn.Module, graph: Graph) -> None:
    written = source(graph)
    assert inspect.getsource(type(net)) in written
    assert inspect.getsource(type(net.get_submodule("layers.0"))) in written
    with pytest.raises(RuntimeError) as raised:
        net(torch.zeros(1, 5, 16, 16))
    assert "self.conv1(x)" in "".join(traceback.format_exception(raised.value))


def test_the_same_text_is_one_class(graph: Graph) -> None:
    assert load(source(graph)) is load(source(graph))


def test_is_built_on_the_meta_device(graph: Graph) -> None:
    with torch.device("meta"):
        net = module(graph)
    assert all(value.is_meta for value in net.state_dict().values())
    assert tuple(net.eval()(torch.empty(5, 3, 16, 16, device="meta")).shape) == (5, 10)


def test_keeps_channels_last(net: nn.Module, x: Tensor) -> None:
    expected = net.eval()(x)
    last = net.to(memory_format=torch.channels_last)
    torch.testing.assert_close(last(x.to(memory_format=torch.channels_last)), expected, rtol=1e-4, atol=1e-5)


def test_runs_under_autocast(net: nn.Module, x: Tensor) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = net.train()(x)
        loss = outputs["logits"].float().sum() + outputs["aux"].float().sum()
    assert outputs["logits"].dtype == torch.bfloat16
    loss.backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in net.parameters())


@pytest.fixture
def group(tmp_path: Path) -> Iterator[None]:
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'meet'}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("group")
def test_trains_in_data_parallel_with_no_parameter_left_over(net: nn.Module, x: Tensor) -> None:
    parallel = nn.parallel.DistributedDataParallel(net.train())
    for _ in range(2):  # the second step fails if the first left a parameter without a gradient
        outputs = parallel(x)
        (outputs["logits"].sum() + outputs["aux"].sum()).backward()
    assert all(p.grad is not None for p in net.parameters())


def test_double_precision(net: nn.Module, x: Tensor) -> None:
    assert net.eval().double()(x.double()).dtype == torch.float64


def test_starts_as_init_says(graph: Graph) -> None:
    torch.manual_seed(0)
    state = module(graph).state_dict()
    assert torch.equal(state["conv1.bias"], torch.zeros(8))
    assert torch.equal(state["layers.1.bn.weight"], torch.full((16,), 0.75))
    assert torch.equal(state["layers.1.bn.bias"], torch.zeros(16))
    assert torch.equal(state["fc.bias"], torch.full((10,), -4.6))
    assert torch.equal(state["gate.scale"], torch.full((16, 1, 1), 0.5))
    weight = state["layers.2.conv.weight"]  # kaiming, fan out: a standard deviation of sqrt(2 / (16 * 9))
    assert abs(weight.std().item() / (2 / 144) ** 0.5 - 1) < 0.05


def test_the_number_of_classes_is_an_argument(tmp_path: Path, graph: Graph) -> None:
    other = graph_of(tmp_path, SPEC, num_classes=7)
    net = module(graph, [other], num_classes=3)
    assert net.state_dict()["fc.weight"].shape == (3, 16)
    assert module(graph, [other]).state_dict()["fc.weight"].shape == (10, 16)
