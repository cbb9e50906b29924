"""Whole networks in integers: what onnxruntime runs of them, what stays in fp32, and what is lost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest

import archc
from archc.backends.init import InitialValues
from archc.backends.onnx.export import Export
from archc.backends.onnx.model import Built, build, model_of
from archc.backends.onnx.passes.base import PassError
from archc.backends.onnx.precision import evaluate
from archc.backends.onnx.precision.int8.report import Int8Report
from archc.backends.onnx.program import Program
from archc.diagnostics.diagnostic import RequestError
from archc.graph.graph import Graph
from archc.runtime.session import open_session
from tests.passes.nets import Array, Net, feeds_of, run
from tests.passes.test_library import FAMILIES, LARGE
from tests.precision.integers import kernels, quantized, sqnr

INTEGERS = {"QLinearConv", "QLinearAdd", "QGemm", "QLinearGlobalAveragePool", "QLinearConcat"}
ENDS = {"QuantizeLinear", "DequantizeLinear", "Transpose"}
QUICK = {"densenet_d2l", "googlenet", "mobilenet_v2", "mobilenet_v3_small", "shufflenet_v2_x0_5", "squeezenet1_1"}
MOSTLY_FP32 = {"convnext_tiny"}  # layer norm and GELU


def block() -> Program:
    """Two convolutions and a way around them, pooled and classified."""
    net = Net(3, 12, 12)
    x = net.node("Relu", "relu", net.conv("conv", "x", 8, 3, of=3, pad=1))
    y = net.node("Relu", "block.relu", net.conv("block.conv1", x, 8, 3, of=8, pad=1))
    y = net.node("Add", "block.sum", net.conv("block.conv2", y, 8, 3, of=8, pad=1), x)
    y = net.node("MaxPool", "pool", net.node("Relu", "block.out", y), kernel_shape=[2, 2], strides=[2, 2])
    y = net.node("Flatten", "flatten", net.node("GlobalAveragePool", "mean", y))
    bias = net.weight("fc.bias", net.rng.normal(size=5))
    net.node("Gemm", "fc", y, net.weight("fc.weight", net.rng.normal(size=(5, 8))), bias, transB=1)
    return net.program("fc")


def int8(network: archc.Network, x: Array, folder: Path, **how: object) -> tuple[Built, Int8Report]:
    np.save(folder / "x.npy", x)
    export = Export.of("cpu-int8", calibrate=folder / "x.npy", **how)  # pyright: ignore
    built = build(network.graph, export=export)
    ((report,),) = [[a.report for a in built.applied if isinstance(a.report, Int8Report)]]
    return built, report


def images(count: int, *shape: int) -> Array:
    """Normal numbers, smooth as images are."""
    x = np.random.default_rng(0).standard_normal((count, *shape), np.float32)
    for axis in (2, 3):
        x = sum(np.roll(x, i, axis) for i in range(6)) / np.float32(6**0.5)  # pyright: ignore
    return x


def test_all_of_it_is_integers(tmp_path: Path) -> None:
    program = block()
    report = quantized(program, tmp_path)
    found = kernels(program)
    assert (found["QLinearConv"], found["QLinearAdd"], found["QGemm"], found["QLinearGlobalAveragePool"]) == (
        3,
        1,
        1,
        1,
    )
    assert not {"Conv", "Add", "Relu", "Gemm", "DequantizeLinear"} & set(found)
    assert found["QuantizeLinear"] == 1, "of the input"
    assert report.integers == 11 and not report.fp32
    onnx.checker.check_model(model_of(program, "net").proto(), full_check=True)


def test_it_computes_what_the_nodes_say(tmp_path: Path) -> None:
    """The integer kernels give what ONNX defines, node by node in fp32, up to roundings of a half."""
    program = block()
    quantized(program, tmp_path)
    feeds = feeds_of(program, 3)
    by_kernels, by_definition = (run(program, feeds, optimised=fast)["fc"] for fast in (True, False))
    assert sqnr(by_definition, by_kernels) > 40


@pytest.mark.parametrize("keep", ["block.conv1", "block.conv2", "conv", "fc", "block", "*.conv?"])
def test_what_is_kept_is_computed_in_fp32(keep: str, tmp_path: Path) -> None:
    """onnxruntime rounds the weights of a convolution between integers by itself, if it is let."""
    program = block()
    before = block()
    report = quantized(program, tmp_path, keep=[keep])
    found, kept = kernels(program), {name for name in report.fp32 if "conv" in name or name == "fc"}
    assert kept
    assert found["Conv"] + found["FusedConv"] + found["Gemm"] == len(kept)
    assert found["QLinearConv"] + found["QGemm"] == 4 - len(kept)
    feeds = feeds_of(program, 3)
    assert sqnr(run(before, feeds)["fc"], run(program, feeds, optimised=True)["fc"]) > 25


def test_keeping_all_of_it_leaves_nothing_to_do(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="nothing in the network"):
        quantized(block(), tmp_path, keep=["*"])


def test_a_pattern_that_matches_nothing(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"no layer matches `block.conv3`; did you mean `block.conv[12]`\?"):
        quantized(block(), tmp_path, keep=["block.conv3"])


def test_what_is_quantised_is_not_quantised_again(tmp_path: Path) -> None:
    program = block()
    quantized(program, tmp_path)
    with pytest.raises(PassError, match="quantises"):
        quantized(program, tmp_path)


def test_the_report_is_what_the_model_loses(tmp_path: Path) -> None:
    x = np.random.default_rng(3).standard_normal((6, 3, 12, 12), np.float32)
    program, before = block(), block()
    report = quantized(program, tmp_path, x)
    exact, found = run(before, {"x": x})["fc"], run(program, {"x": x}, optimised=True)["fc"]
    noise = np.square(np.float64(exact) - found).sum()
    (output,) = report.errors.outputs
    assert output.sqnr == pytest.approx(10 * np.log10(np.square(np.float64(exact)).sum() / noise), abs=0.05)
    assert output.top1 == (exact.argmax(1) == found.argmax(1)).mean()
    layers = {one.layer: one for one in report.errors.layers}
    assert list(layers) == ["conv", "block.conv1", "block.conv2", "block.sum", "mean", "fc"]
    assert layers["conv"].own == pytest.approx(layers["conv"].total), "nothing is lost before it"
    assert all(one.total < one.own for name, one in layers.items() if name != "conv")
    assert layers["fc"].total == pytest.approx(output.sqnr, abs=0.05)


def test_a_layer_that_loses_much_is_named(tmp_path: Path) -> None:
    """One channel a thousand times as large as the others leaves these no steps."""
    net = Net(3, 8, 8)
    y = net.conv("first", "x", 4, 1, of=3)
    net.weights["first.weight"][0] *= 1000
    y = net.conv("second", y, 4, 1, of=4)
    net.weights["second.weight"][:, 0] /= 1000
    program = net.program(net.conv("third", y, 4, 1, of=4))
    assert quantized(program, tmp_path).errors.worst(1)[0].layer == "second"


def test_several_outputs_and_one_read_again(tmp_path: Path) -> None:
    net = Net(3, 8, 8)
    first = net.conv("first", "x", 4, 3, of=3, pad=1)
    net.node("Sigmoid", "mask", net.conv("second", first, 2, 1, of=4))
    program = net.program("first", "second", "mask")
    before = program.copy()
    quantized(program, tmp_path)
    assert kernels(program)["QLinearConv"] == 2
    feeds = feeds_of(program, 2)
    wanted = run(before, feeds)
    for name, found in run(program, feeds, optimised=True).items():
        assert sqnr(wanted[name], found) > 30, name


def test_the_same_calibration_gives_the_same_bytes(tmp_path: Path) -> None:
    network, x = archc.compile("resnet18", input=[3, 32, 32]), images(3, 3, 32, 32)
    first, second = (b"".join(int8(network, x, tmp_path)[0].model.chunks()) for _ in range(2))
    assert first == second


def test_little_memory_takes_longer_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[Mapping[str, Array], list[float]]] = []
    for room in (1 << 30, 3000):
        monkeypatch.setattr(evaluate, "ROOM", room)
        program = block()
        report = quantized(program, tmp_path, method="entropy")
        lost = [value for layer in report.errors.layers for value in (layer.own, layer.total)]
        made.append(({name: program.value(name) for name in program.initializers}, lost))
    assert made[0][0].keys() == made[1][0].keys()
    for name, value in made[0][0].items():
        np.testing.assert_array_equal(value, made[1][0][name])
    assert made[0][1] == pytest.approx(made[1][1], abs=0.1)


def test_a_model_by_way_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is too large to be handed over in memory."""
    monkeypatch.setattr(evaluate, "INLINE", 100)
    program = block()
    assert quantized(program, tmp_path).errors.outputs[0].sqnr > 25


def test_resnet50(tmp_path: Path) -> None:
    network, x = archc.compile("resnet50", input=[3, 64, 64]), images(12, 3, 64, 64)
    built, report = int8(network, x[:8], tmp_path)
    (output,) = report.errors.outputs
    assert output.sqnr >= 30
    assert output.top1 == 1
    model = open_session(built.proto().SerializeToString())
    exact = open_session(build(network.graph, export=Export.of("cpu")).proto().SerializeToString())
    assert sqnr(exact.run({"x": x[8:]})["logits"], model.run({"x": x[8:]})["logits"]) >= 30, (
        "on images that it was not calibrated on"
    )
    assert set(kernels(built.program)) <= INTEGERS | {
        "QuantizeLinear",
        "Transpose",
        "NhwcMaxPool",
        "MaxPool",
        "Flatten",
    }


def settled(graph: Graph) -> dict[str, Array]:
    """Weights of a network whose batch norms shift and scale a little, as trained ones do."""
    rng, drawn = np.random.default_rng(0), InitialValues(graph, 0)
    norms = {e.key: e for e in graph.state if e.node.op.name == "batch_norm" and e.weight.shape}
    shifts = {key for key, e in norms.items() if e.name in ("bias", "running_mean")}
    return {
        entry.key: drawn[entry.key]
        if entry.key not in norms
        else (rng.normal(0, 0.1, entry.weight.shape) + (entry.key not in shifts)).astype(np.float32)
        for entry in graph.state
    }


@pytest.mark.parametrize(
    "family", [pytest.param(f, marks=[pytest.mark.slow] * (f not in QUICK)) for f in FAMILIES if f not in LARGE]
)
def test_every_family(family: str, tmp_path: Path) -> None:
    """Each layer loses little by itself; the model takes batches, and computes what its nodes say."""
    network = archc.compile(family, **FAMILIES[family])
    ((name, tensor),) = network.graph.inputs.items()
    x = images(3, *tensor.shape.dims)
    np.save(tmp_path / "x.npy", x)
    export = Export.of("cpu-int8", calibrate=tmp_path / "x.npy")
    built = build(network.graph, weights=settled(network.graph), export=export)
    (report,) = [a.report for a in built.applied if isinstance(a.report, Int8Report)]
    assert {layer.layer: layer.own for layer in report.errors.layers if layer.own < 20} == {}
    assert report.integers > len(report.fp32) or family in MOSTLY_FP32
    proto = built.proto()
    onnx.checker.check_model(proto, full_check=True)
    for output, found in open_session(proto.SerializeToString()).run({name: x}).items():
        assert len(found) == 3 and np.isfinite(found).all(), output


def test_hard_swishes_are_sums_and_products_of_integers(tmp_path: Path) -> None:
    net = Net(3, 6, 6)
    y = net.node("HardSwish", "swish", net.conv("before", "x", 4, 3, of=3, pad=1))
    program = net.program(net.conv("after", y, 4, 3, of=4, pad=1))
    before = program.copy()
    report = quantized(program, tmp_path)
    assert not report.fp32
    assert set(kernels(program)) <= {"QLinearConv", "QLinearAdd", "QLinearMul", *ENDS}
    feeds = feeds_of(program, 2)
    assert sqnr(run(before, feeds)["after"], run(program, feeds, optimised=True)["after"]) > 30


@pytest.mark.parametrize("given", ["sizes", "scales"])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_a_resize_between_integers(given: str, mode: str, tmp_path: Path) -> None:
    """onnxruntime moves its transposes through it, and fails where a Resize names but two axes."""
    net = Net(3, 6, 6)
    y = net.conv("before", "x", 4, 3, of=3, pad=1)
    how = {"coordinate_transformation_mode": "asymmetric", "mode": mode, "axes": [2, 3]}
    by_sizes = ["", "", net.weight("sizes", [12, 18], "int64")]
    inputs = by_sizes if given == "sizes" else ["", net.weight("scales", [2, 3])]
    y = net.node("Resize", "up", y, *inputs, **how)
    program = net.program(net.conv("after", y, 4, 3, of=4, pad=1))
    before = program.copy()
    quantized(program, tmp_path)
    feeds = feeds_of(program, 2)
    assert sqnr(run(before, feeds)["after"], run(program, feeds, optimised=True)["after"]) > 30
    assert (kernels(program)["DequantizeLinear"] > 1) == (mode == "linear"), "nearest moves bytes"


def test_a_resize_to_sizes_that_no_scale_makes_for_sure(tmp_path: Path) -> None:
    """5 × fp32's 9/5 is 9 to onnxruntime's kernel, and 8 to onnx, which then finds that the maps do not fit."""
    net = Net(3, 9, 9)
    y = net.conv("before", "x", 4, 3, of=3, pad=1, stride=2)
    y = net.node("Resize", "up", y, "", "", net.weight("sizes", [9, 9], "int64"), mode="nearest", axes=[2, 3])
    program = net.program(net.node("Concat", "both", y, "x", axis=1))
    before = program.copy()
    quantized(program, tmp_path)
    feeds = feeds_of(program, 2)
    for optimised in (False, True):
        assert sqnr(run(before, feeds)["both"], run(program, feeds, optimised=optimised)["both"]) > 30


@pytest.mark.parametrize("size", [(4, 5), (3, 12), (9, 4)])
@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_a_resize_to_a_smaller_size_between_integers(mode: str, size: tuple[int, int], tmp_path: Path) -> None:
    """onnxruntime can't make maps smaller by cubics with channels last, and would put them so."""
    net = Net(3, 6, 10)
    y = net.conv("before", "x", 4, 3, of=3, pad=1)
    how = {"coordinate_transformation_mode": "half_pixel", "mode": mode, "axes": [2, 3]}
    y = net.node("Resize", "down", y, "", "", net.weight("sizes", size, "int64"), **how)
    program = net.program(net.conv("after", y, 4, 3, of=4, pad=1))
    before = program.copy()
    quantized(program, tmp_path)
    for batch in (1, 3):
        feeds = feeds_of(program, batch)
        for optimised in (False, True):
            assert sqnr(run(before, feeds)["after"], run(program, feeds, optimised=optimised)["after"]) > 30
