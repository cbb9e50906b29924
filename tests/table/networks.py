"""Networks for the tests of this folder, built by hand."""

from __future__ import annotations

from archc.graph.graph import Graph, Tensor
from tests.support.builder import Builder


def resnet50() -> Graph:
    """He et al. 2016, table 1, with the stride at the 3 × 3 convolution."""
    b = Builder("resnet50", [3, 224, 224])
    with b.section("stem"):
        _conv_bn(b, "1", 64, 7, stride=2, padding=3)
        b.add("relu", "relu")
        b.add("maxpool", "max_pool", 3, stride=2, padding=1)
    with b.section("body"):
        for i, depth in enumerate([3, 4, 6, 3]):
            with b.module(f"layer{i + 1}", kind="list"):
                for j in range(depth):
                    _bottleneck(b, str(j), 64 * 2**i, 2 if i and not j else 1)
    with b.section("head"):
        b.add("avgpool", "global_avg_pool")
        b.add("flatten", "flatten")
        b.add("fc", "linear", 1000)
    return b.graph(title="ResNet-50", source="He et al. 2016, table 1", spec_name="specs/models/resnet.yaml:resnet50")


def _conv_bn(b: Builder, name: str, out: int, kernel: int, **arguments: int) -> None:
    b.add(f"conv{name}", "conv", out, kernel, bias=False, **arguments)
    b.add(f"bn{name}", "batch_norm")


def _bottleneck(b: Builder, name: str, width: int, stride: int) -> None:
    with b.module(name, block="bottleneck"):
        x = b.module_input
        _conv_bn(b, "1", width, 1)
        b.add("relu1", "relu")
        _conv_bn(b, "2", width, 3, stride=stride, padding=1)
        b.add("relu2", "relu")
        _conv_bn(b, "3", 4 * width, 1)
        main, shortcut = b.prev, x
        assert isinstance(main, Tensor)
        if stride != 1 or x.shape.channels != 4 * width:
            with b.module("downsample", kind="list", on=x) as projection:
                b.add("0", "conv", 4 * width, 1, stride=stride, bias=False)
                b.add("1", "batch_norm")
            assert isinstance(projection.result, Tensor)
            shortcut = projection.result
        b.add("sum", "add", on=[main, shortcut])
        b.add("relu", "relu")


def unet(base: int = 8, depth: int = 2) -> Graph:
    """Ronneberger et al. 2015, with padded convolutions."""
    b = Builder("unet", [1, 32, 48])
    skips: list[Tensor] = []
    with b.section("body"):
        for i in range(depth):
            skips.append(_double_conv(b, f"enc{i}", base * 2**i))
            b.add(f"pool{i}", "max_pool", 2)
        _double_conv(b, "bottom", base * 2**depth)
        for i in reversed(range(depth)):
            with b.module(f"dec{i}", block="up_block"):
                up = b.add("up", "conv_transpose", base * 2**i, 2, stride=2)
                b.add("cat", "concat", on=[skips[i], up])
                _double_conv(b, "conv", base * 2**i)
    with b.section("head"):
        b.add("out", "conv", 2, 1)
    return b.graph(title="U-Net")


def _double_conv(b: Builder, name: str, out: int) -> Tensor:
    with b.module(name, block="double_conv") as made:
        for i in range(2):
            b.add(str(3 * i), "conv", out, 3, padding=1, bias=False)
            b.add(str(3 * i + 1), "batch_norm")
            b.add(str(3 * i + 2), "relu")
    assert isinstance(made.result, Tensor) or made.result is None
    assert isinstance(b.prev, Tensor)
    return b.prev


def two_inputs() -> Graph:
    """Two inputs of different sizes, a list of tensors, two outputs; one tensor depends on no input."""
    b = Builder("fusion", {"image": [3, 32, 32], "depth": [1, 16, 16]})
    with b.section("stem"):
        rgb = b.add("rgb", "conv", 8, 3, stride=2, padding=1, on=b.inputs["image"])
        depth = b.add("depth_conv", "conv", 8, [1, 5], padding=[0, 2], on=b.inputs["depth"])
    with b.section("body"):
        b.add("both", "concat", on=[rgb, depth])
        left, right = b.add("halves", "chunk", 2)
        token = b.add("token", "parameter", [8, 1, 1])
        gated = b.add("gated", "mul", on=[left, token])
        b.add("sum", "add", on=[gated, right])
    with b.section("head"):
        heat = b.add("heat", "conv", 1, 1, bias=False)
        b.add("pool", "mean", on=right)
        logits = b.add("fc", "linear", 5)
    return b.graph({"logits": logits, "heat": heat}, title="Two inputs")


def auxiliary() -> Graph:
    """A head that only training runs."""
    b = Builder("aux_net", [3, 16, 16])
    with b.section("body"):
        features = b.add("features", "conv", 4, 3)
    with b.section("head"):
        with b.module("aux", block="aux_head"):
            b.add("conv", "conv", 2, 1)
            b.add("relu", "relu")
            b.add("pool", "mean")
            aux = b.add("fc", "linear", 3)
        b.add("pool", "mean", on=features)
        logits = b.add("fc", "linear", 3)
    return b.graph({"logits": logits}, {"logits": logits, "aux": aux})
