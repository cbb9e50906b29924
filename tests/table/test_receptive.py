"""Receptive fields against what autograd finds: the input pixels on which an output pixel depends."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
import torch

from archc.graph.graph import Graph, Tensor
from archc.graph.receptive import Field, receptive_fields
from tests.support.builder import Builder
from tests.support.ops import executed
from tests.table.networks import resnet50, two_inputs

SIZE = 48


def field_of(graph: Graph) -> Field:
    """The field of the only output."""
    (output,) = graph.outputs.values()
    assert output.producer is not None
    field = receptive_fields(graph, graph.live("eval"))[output.producer]
    assert field is not None
    return field


def run(graph: Graph, x: torch.Tensor) -> torch.Tensor:
    """The one output, in float64 and eval mode, all weights positive so that no two dependences cancel."""
    generator = torch.Generator().manual_seed(0)
    values: dict[Tensor, torch.Tensor] = {next(iter(graph.inputs.values())): x}
    for node in graph.nodes:
        module = executed(node.op.torch(*(t.shape for t in node.inputs))).double().eval()
        for weight in module.parameters():
            weight.data = 0.1 + torch.rand(weight.shape, generator=generator, dtype=torch.float64)
        values.update(zip(node.outputs, module(*(values[t] for t in node.inputs)), strict=True))
    return values[next(iter(graph.outputs.values()))]


def measured(graph: Graph) -> tuple[int, int]:
    """By axis: the widest extent of input pixels that one output pixel depends on."""
    (image,) = graph.inputs.values()
    # Of a maximum only the winner has a gradient: many random samples let each pixel win somewhere.
    x = torch.rand((24, *image.shape.dims), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    x.requires_grad_()
    y = run(graph, x)

    def extent(axis: int, position: int) -> int:
        (gradient,) = torch.autograd.grad(y.select(2 + axis, position).sum(), x, retain_graph=True)
        seen = gradient.abs().sum(dim=(0, 1, 3 - axis)).nonzero().flatten().tolist()
        return seen[-1] - seen[0] + 1 if seen else 0

    height, width = (max(extent(axis, j) for j in range(y.shape[2 + axis])) for axis in (0, 1))
    return height, width


def assert_exact(graph: Graph) -> None:
    field = field_of(graph)
    assert field.sizes == measured(graph)


def built(*layers: tuple[str, list[object], dict[str, object]], size: int = SIZE) -> Graph:
    b = Builder(input=[2, size, size])
    for i, (op, args, kwargs) in enumerate(layers):
        b.add(f"l{i}", op, *args, **kwargs)
    return b.graph()


CHAINS = {
    "conv": [("conv", [2, 3], {})],
    "strides": [("conv", [2, 3], {"stride": 2}), ("conv", [2, 3], {"stride": 2, "padding": 1}), ("conv", [2, 3], {})],
    "dilation": [("conv", [2, 3], {"dilation": 3}), ("conv", [2, [1, 5]], {"dilation": [1, 2]})],
    "not square": [("conv", [2, [3, 1]], {"stride": [1, 2]}), ("avg_pool", [[2, 3]], {"stride": [2, 1]})],
    "max pool": [("max_pool", [3], {"stride": 2, "padding": 1}), ("conv", [2, 3], {})],
    "ceil mode": [("max_pool", [3], {"stride": 2, "ceil_mode": True}), ("conv", [2, 3], {})],
    "blur": [("blur_pool", [], {}), ("conv", [2, 3], {})],
    "pad": [("pad", [[1, 2, 0, 3]], {}), ("conv", [2, 5], {"stride": 3})],
    "pixels to channels": [("space_to_depth", [4], {}), ("conv", [2, 3], {})],
    "nearest": [("conv", [2, 3], {"stride": 2}), ("upsample", [2], {}), ("conv", [2, 3], {})],
    "bilinear": [("conv", [2, 3], {"stride": 2}), ("upsample", [2], {"mode": "bilinear"}), ("conv", [2, 3], {})],
    "transposed": [("conv", [2, 2], {"stride": 2}), ("conv_transpose", [2, 2], {"stride": 2}), ("conv", [2, 3], {})],
    "transposed, overlapping": [("conv_transpose", [2, 4], {"stride": 2, "padding": 1}), ("conv", [2, 3], {})],
    "channels last": [
        ("conv", [2, 3], {"stride": 2}),
        ("permute", [[0, 2, 3, 1]], {}),
        ("layer_norm", [], {}),
        ("linear", [3], {}),
        ("permute", [[0, 3, 1, 2]], {}),
        ("conv", [2, [3, 5]], {}),
    ],
    "elementwise": [("conv", [4, 3], {}), ("batch_norm", [], {}), ("silu", [], {}), ("channel_shuffle", [2], {})],
    "channels": [("conv", [4, 3], {}), ("layer_norm2d", [], {}), ("lrn", [3], {}), ("slice", [1, 3], {})],
}


@pytest.mark.parametrize("layers", CHAINS.values(), ids=CHAINS)
def test_a_chain_sees_what_autograd_finds(layers: list[tuple[str, list[object], dict[str, object]]]) -> None:
    assert_exact(built(*layers))


@pytest.mark.parametrize("seed", range(12))
def test_random_networks_with_branches_see_what_autograd_finds(seed: int) -> None:
    assert_exact(random_network(random.Random(seed)))


def random_network(random: random.Random) -> Graph:
    b = Builder(input=[2, SIZE, SIZE])
    for i in range(random.randint(3, 5)):
        kind = random.choice(["window", "window", "residual", "branches"])
        kernel, stride = random.choice([1, 2, 3]), random.choice([1, 1, 2])
        if kind == "window":
            op = random.choice(["conv", "avg_pool", "max_pool"])
            args = [2, kernel] if op == "conv" else [kernel]
            b.add(f"w{i}", op, *args, stride=stride, padding=random.randint(0, kernel // 2))
        elif kind == "residual":
            assert isinstance(b.prev, Tensor)
            x = b.prev
            y = b.add(f"r{i}", "conv", 2, [3, random.choice([1, 3, 5])], padding=0)
            y = b.add(f"p{i}", "pad", [(x.shape.dims[2] - y.shape.dims[2]), 0, 1, 1], on=y)
            b.add(f"add{i}", "add", on=[x, y])
        else:
            x = b.prev
            left = b.add(f"a{i}", "conv", 2, 3, stride=stride, padding=1, on=x)
            right = b.add(f"b{i}", "max_pool", 5, stride=stride, padding=2, on=x)
            b.add(f"cat{i}", "concat", on=[left, right])
    return b.graph()


def test_a_skip_around_a_resampling_is_the_union_of_both() -> None:
    b = Builder(input=[2, SIZE, SIZE])
    skip = b.add("enc", "conv", 2, 3, padding=1)
    b.add("down", "max_pool", 2)
    b.add("deep", "conv", 2, 3, padding=1)
    up = b.add("up", "conv_transpose", 2, 2, stride=2)
    b.add("cat", "concat", on=[skip, up])
    b.add("conv", "conv", 2, 3, padding=1)
    assert_exact(b.graph())


def test_a_stride_over_an_upsampling_meets_some_of_the_positions_only() -> None:
    graph = built(("upsample", [3], {"mode": "bilinear"}), ("conv", [2, 2], {"stride": 2}), ("conv", [2, 3], {}))
    assert field_of(graph).strides == (Fraction(2, 3),) * 2
    assert_exact(graph)


@pytest.mark.parametrize("size", [13, 17, 41, 150])
def test_odd_sizes_resized_to_one_another_stay_within_the_band(size: int) -> None:
    b = Builder(input=[1, size, size + 4])
    small = b.add("small", "conv", 1, 3, stride=2, padding=1)
    b.add("up", "resize_like", on=[small, next(iter(b.inputs.values()))])
    b.add("conv", "conv", 1, 3, padding=1)
    graph = b.graph()
    for stated, seen in zip(field_of(graph).sizes, measured(graph), strict=True):
        assert stated is not None
        assert seen <= stated <= seen + 2  # those at the border, which are cut, count as well


def test_the_shape_that_is_resized_to_is_not_seen() -> None:
    b = Builder(input={"x": [1, 8, 8], "like": [1, 16, 16]})
    b.add("up", "resize_like", on=[b.inputs["x"], b.inputs["like"]])
    wide = b.add("wide", "conv", 1, 7, padding=3, on=b.inputs["like"])
    b.add("again", "resize_like", on=[b.inputs["x"], wide])
    assert field_of(b.graph()).sizes == (1, 1)


@pytest.mark.parametrize(
    "last", [("global_avg_pool",), ("mean",), ("flatten",), ("adaptive_avg_pool", 1), ("group_norm", 1)], ids=str
)
def test_what_reads_the_whole_map_sees_all(last: tuple[object, ...]) -> None:
    op, *args = last
    graph = built(("conv", [2, 3], {}), (str(op), args, {}), size=12)
    assert field_of(graph).sizes == (None, None)


def test_windows_that_cover_the_map_are_as_large_as_they_are() -> None:
    assert_exact(built(("conv", [2, 3], {"padding": 1}), ("adaptive_avg_pool", [[5, 3]], {}), size=24))


def test_a_gate_sees_all_and_keeps_the_stride() -> None:
    b = Builder(input=[2, 12, 12])
    x = b.add("conv", "conv", 2, 3, stride=2)
    pooled = b.add("pool", "global_avg_pool")
    gate = b.add("gate", "sigmoid", on=pooled)
    b.add("mul", "mul", on=[x, gate])
    b.add("next", "conv", 2, 3, stride=2)
    assert field_of(b.graph()) == Field((None, None), (4, 4))


def test_one_axis_may_be_seen_whole_and_the_other_not() -> None:
    b = Builder(input=[2, 12, 12])
    b.add("conv", "conv", 2, 3)
    b.add("across", "linear", 4)  # on the last axis, which is the width
    assert field_of(b.graph()) == Field((3, None), (1, None))


def test_a_window_from_each_input_joins() -> None:
    graph = two_inputs()
    fields = {n.path: f for n, f in receptive_fields(graph, graph.live("eval")).items()}
    assert fields["rgb"] == Field((3, 3), (2, 2))
    assert fields["depth_conv"] == Field((1, 5), (1, 1))
    assert fields["token"] is None
    assert fields["fc"] == Field((None, None), (None, None))


def test_resnet50_s_stages() -> None:
    graph = resnet50()
    fields = {n.path: f for n, f in receptive_fields(graph, graph.live("eval")).items()}
    ends = ["conv1", "maxpool", "layer1.2.relu", "layer2.3.relu", "layer3.5.relu", "layer4.2.relu"]
    # With the stride at a block's 3 × 3 convolution; at its first one, the last stage would see 483.
    assert [f.sizes[0] for path in ends if (f := fields[path])] == [7, 11, 35, 91, 267, 427]
    assert [f.strides[0] for path in ends if (f := fields[path])] == [2, 4, 4, 8, 16, 32]
