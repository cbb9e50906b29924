"""The figures of the documents that the project was created from: sizes as printed there, counts taken from PyTorch."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import nn

import archc
from archc.graph.graph import Graph, Module, Node, Tensor
from tests.zoo.documents import NETWORKS
from tests.zoo.reference import MODELS, by_name, perturb_batch_norms


@dataclass(frozen=True)
class Row:
    """One network: its figures, the printed output sizes in their order, each with the layer that gives it."""

    variant: str
    input: str
    params: int
    macs: int
    outputs: str
    layer_params: dict[str, int] = field(default_factory=dict)


ROWS = (
    Row(
        "lenet5_sigmoid", "1x28x28", 61_706, 416_520,
        "features.0 6x28x28, features.1 6x28x28, features.2 6x14x14, features.3 16x10x10, features.4 16x10x10, "
        "features.5 16x5x5, flatten 400, classifier.0 120, classifier.1 120, classifier.2 84, classifier.3 84, "
        "classifier.4 10",
    ),
    Row(
        "lenet5_mnist", "1x32x32", 61_706, 416_520,
        "conv_pool1.0 6x28x28, conv_pool1 6x14x14, conv_pool2.0 16x10x10, conv_pool2 16x5x5, fc1 120, fc2 84, out 10",
    ),
    Row(
        "alexnet_d2l", "1x224x224", 46_764_746, 938_146_176,
        "features.0 96x54x54, features.2 96x26x26, features.3 256x26x26, features.5 256x12x12, features.6 384x12x12, "
        "features.8 384x12x12, features.10 256x12x12, features.12 256x5x5, flatten 6400, classifier.0 4096, "
        "classifier.3 4096, classifier.6 10",
    ),
    Row(
        "alexnet_227", "3x227x227", 62_378_344, 1_135_256_096,
        "features.0 96x55x55, features.2 96x27x27, features.3 256x27x27, features.5 256x13x13, features.6 384x13x13, "
        "features.8 384x13x13, features.10 256x13x13, features.12 256x6x6, flatten 9216, classifier.1 4096, "
        "classifier.4 4096, classifier.6 1000",
        {
            "features.0": 34_944, "features.2": 0, "features.3": 614_656, "features.5": 0, "features.6": 885_120,
            "features.8": 1_327_488, "features.10": 884_992, "features.12": 0, "classifier.1": 37_752_832,
            "classifier.4": 16_781_312, "classifier.6": 4_097_000,
        },
    ),
    Row(
        "vgg11_d2l", "1x224x224", 128_806_154, 7_547_232_256,
        "features.0 64x112x112, features.1 128x56x56, features.2 256x28x28, features.3 512x14x14, features.4 512x7x7, "
        "flatten 25088, classifier.0 4096, classifier.3 4096, classifier.6 10",
    ),
    Row(
        "vgg11_d2l_quarter", "1x224x224", 43_093_322, 512_155_648,
        "features.0 16x112x112, features.1 32x56x56, features.2 64x28x28, features.3 128x14x14, features.4 128x7x7, "
        "flatten 6272, classifier.0 4096, classifier.3 4096, classifier.6 10",
    ),
    Row(
        "vgg16", "3x224x224", 138_357_544, 15_470_264_320,
        "features.4 64x112x112, features.9 128x56x56, features.16 256x28x28, features.23 512x14x14, "
        "features.30 512x7x7, flatten 25088, classifier.0 4096, classifier.3 4096, classifier.6 1000",
        {  # as printed, but for the poolings' 65,664, which no pooling has
            "features.0": 1792, "features.2": 36_928, "features.4": 0, "features.5": 73_856, "features.7": 147_584,
            "features.9": 0, "features.10": 295_168, "features.12": 590_080, "features.14": 590_080, "features.16": 0,
            "features.17": 1_180_160, "features.19": 2_359_808, "features.21": 2_359_808, "features.23": 0,
            "features.24": 2_359_808, "features.26": 2_359_808, "features.28": 2_359_808, "features.30": 0,
            "classifier.0": 102_764_544, "classifier.3": 16_781_312, "classifier.6": 4_097_000,
        },
    ),
    Row(
        "nin", "1x224x224", 1_992_166, 762_297_352,
        "features.0 96x54x54, features.1 96x26x26, features.2 256x26x26, features.3 256x12x12, features.4 384x12x12, "
        "features.5 384x5x5, dropout 384x5x5, classifier 10x5x5, avgpool 10x1x1, flatten 10",
    ),
    Row(
        "googlenet_d2l", "1x96x96", 5_977_530, 276_066_304,
        "b1 64x24x24, b2 192x12x12, b3 480x6x6, b4 832x3x3, flatten 1024, fc 10",
    ),
    Row(
        "resnet18_d2l", "1x96x96", 11_178_378, 318_657_536,
        "b1 64x24x24, b2 64x24x24, b3 128x12x12, b4 256x6x6, b5 512x3x3, last 10",
    ),
    Row(
        "resnet34_cifar", "3x224x224", 21_298_314, 3_663_254_528,
        "conv1 64x112x112, maxpool 64x56x56, layer0 64x56x56, layer1 128x28x28, layer2 256x14x14, layer3 512x7x7, "
        "avgpool 512x1x1, fc 10",
    ),
    Row(
        "densenet_d2l", "1x96x96", 758_226, 129_077_168,
        "b1 64x24x24, dense_blk1 192x24x24, tran_blk1 96x12x12, dense_blk2 224x12x12, tran_blk2 112x6x6, "
        "dense_blk3 240x6x6, tran_blk3 120x3x3, dense_blk4 248x3x3, last 10",
    ),
)  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.variant)
def test_figures_of_the_compiled_network(row: Row) -> None:
    graph = archc.compile(row.variant).graph
    (image,) = graph.inputs.values()
    assert list(image.shape.dims) == _shape(row.input)
    assert _params(graph.root) == row.params
    assert sum(node.macs for node in graph.live("eval")) == row.macs
    places = [(path, _at(graph, path)) for path in _outputs(row)]
    assert {path: list(_result(child).shape.dims) for path, child in places} == _outputs(row)
    order = [_last(child).index for _, child in places]
    assert order == sorted(order)
    assert {path: _params(_at(graph, path)) for path in row.layer_params} == row.layer_params


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.variant)
def test_the_spec_expects_the_same_figures(row: Row) -> None:
    spec = _specs()[row.variant]
    expected = spec["expect"][row.variant]
    assert (expected["params"], expected["macs"]) == (row.params, row.macs)
    at: dict[str, dict[str, Any]] = expected["at"]
    printed = _outputs(row)
    assert {path: at[path].get("shape") for path in at if path in printed} | {
        path: expected["shape"] for path in printed if path not in at
    } == printed
    assert [path for path in at if path in printed] == [path for path in printed if path in at]
    assert {path: at[path].get("params") for path in row.layer_params} == row.layer_params


def test_the_comparison_of_four_networks() -> None:
    """62M, 138M, 6.4M and 60.3M in the document. The second half says where its figures can come from."""
    params = {name: _params(archc.compile(name).graph.root) for name in ("alexnet_227", "vgg16", "resnet152")}
    assert [round(params[name] / 1e6) for name in ("alexnet_227", "vgg16")] == [62, 138]

    biased = sum(node.weights["weight"].shape[0] for node in archc.compile("resnet152").graph.nodes if _unbiased(node))
    assert params["resnet152"] == 60_192_808
    assert round((params["resnet152"] + biased) / 1e6, 1) == 60.3

    assert _params(archc.compile("googlenet_d2l_imagenet").graph.root) == 6_998_552
    assert _params(archc.compile("googlenet", aux=False).graph.root) == 6_624_904


def test_lenet_s_keys_are_those_printed() -> None:
    keys = [entry.key for entry in archc.compile("lenet5_mnist").graph.state]
    layers = ("conv_pool1.0", "conv_pool2.0", "fc1.0", "fc2.0", "out.0")
    assert keys == [f"{layer}.{weight}" for layer in layers for weight in ("weight", "bias")]


@pytest.mark.parametrize("document", NETWORKS, ids=lambda f: f.__name__)
def test_the_module_computes_what_the_document_s_does(document: Any) -> None:
    torch.manual_seed(0)
    theirs: nn.Module = document()
    perturb_batch_norms(theirs)
    network = archc.compile(document.__name__)
    ours = network.module()
    state = theirs.state_dict()
    assert len(ours.state_dict()) == len(state)
    ours.load_state_dict(dict(zip(ours.state_dict(), state.values(), strict=True)), strict=True)
    (image,) = network.graph.inputs.values()
    x = torch.randn(2, *image.shape.dims)
    with torch.inference_mode():
        expected = theirs.eval()(x)
        assert torch.equal(by_name(ours.eval()(x))["logits"], expected)
    assert expected.std() > 0


def _shape(text: str) -> list[int]:
    return [int(length) for length in text.split("x")]


def _outputs(row: Row) -> dict[str, list[int]]:
    """Path → printed size, in order."""
    pairs = (part.split() for part in row.outputs.split(","))
    return {path: _shape(size) for path, size in pairs}


def _at(graph: Graph, path: str) -> Module | Node:
    child: Module | Node = graph.root
    for name in path.split("."):
        assert isinstance(child, Module)
        child = child.children[name]
    return child


def _result(child: Module | Node) -> Tensor:
    result = child.output if isinstance(child, Node) else child.result
    assert isinstance(result, Tensor)
    return result


def _last(child: Module | Node) -> Node:
    producer = _result(child).producer
    assert producer
    return producer


def _params(child: Module | Node) -> int:
    nodes = [child] if isinstance(child, Node) else child.nodes()
    weights = (weight for node in nodes for weight in node.weights.values() if not weight.buffer)
    return sum(torch.Size(weight.shape).numel() for weight in weights)


def _unbiased(node: Node) -> bool:
    return node.op.name == "conv" and "bias" not in node.weights


@cache
def _specs() -> dict[str, dict[str, Any]]:
    """Variant → the whole spec it stands in."""
    specs = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(Path(MODELS).glob("*.yaml")))
    return {variant: spec for spec in specs for variant in spec["variants"]}
