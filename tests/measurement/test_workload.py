"""FLOPs and bytes of models: by hand for small ones, and by archc's own table for the library."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import archc
from archc.backends.onnx.export import Export
from archc.backends.onnx.model import build
from archc.compiler import open_spec
from archc.measurement.workload import workload
from archc.runtime.errors import ModelError
from tests.measurement.models import conv_relu, model

node = helper.make_node
FP32 = 4

# One network of every file of the library.
SPECS = Path(archc.__file__).parents[1] / "specs" / "models"
NETWORKS = [f"{path}:{open_spec(path)[0].variants[0]}" for path in sorted(SPECS.glob("*.yaml"))]


@pytest.mark.parametrize("spec", NETWORKS, ids=lambda spec: spec.rpartition(":")[2])
def test_multiply_adds_are_those_of_the_table(spec: str) -> None:
    network = archc.compile(spec)
    ones = {np.dtype(dtype): np.ones((), dtype) for dtype in ("float32", "int64")}  # takes no memory
    state = {e.key: np.broadcast_to(ones[np.dtype(e.weight.dtype)], e.weight.shape) for e in network.graph.state}
    as_written = Export.of(only=["fold-batch-norm"])  # other passes may save some
    proto = build(network.graph, weights=state, export=as_written).proto()
    shapes = {name: (2, *tensor.shape.dims) for name, tensor in network.graph.inputs.items()}
    found = workload(proto, shapes)
    assert found.macs == 2 * network.table().cost.total.macs
    assert not found.unknown
    assert found.precisions == ["fp32"]


def test_a_convolution_and_its_relu_are_one_kernel() -> None:
    (kernel,) = workload(conv_relu(), {"x": (2, 3, 10, 12)}).kernels
    assert kernel.ops == ("Conv", "Relu")
    assert kernel.macs == 2 * 8 * 10 * 12 * 27
    assert kernel.flops == 2 * kernel.macs + 2 * 8 * 10 * 12
    assert kernel.bytes == FP32 * (2 * 3 * 120 + 8 * 27 + 8 + 2 * 8 * 120)  # what lies between moves none


def test_what_two_read_is_written() -> None:
    nodes = [
        node("Conv", ["x", "w"], ["c"], name="conv"),
        node("Relu", ["c"], ["r"], name="relu"),
        node("Add", ["c", "r"], ["y"], name="add"),
    ]
    found = workload(model(nodes, {"x": [1, 4, 5, 5]}, weights={"w": np.ones((4, 4, 1, 1), "f4")}), {}).kernels
    assert [k.ops for k in found] == [("Conv",), ("Relu", "Add")]
    assert [k.bytes for k in found] == [FP32 * (100 + 16 + 100), FP32 * (100 + 100)]


def test_a_residual_sum_joins_the_branch_that_ends_last() -> None:
    nodes = [
        node("Conv", ["x", "w"], ["a"], name="a"),
        node("Conv", ["x", "w"], ["b"], name="b"),
        node("Add", ["a", "b"], ["s"], name="sum"),
        node("Relu", ["s"], ["y"], name="relu"),
    ]
    found = workload(model(nodes, {"x": [1, 4, 5, 5]}, weights={"w": np.ones((4, 4, 1, 1), "f4")}), {})
    assert [k.ops for k in found.kernels] == [("Conv",), ("Conv", "Add", "Relu")]
    assert found.kernels[1].bytes == FP32 * (100 + 16 + 100 + 100)
    assert found.ends == FP32 * (100 + 16 + 100)  # the weights once, though two read them


def test_a_gate_does_not_join_what_it_is_broadcast_over() -> None:
    nodes = [
        node("GlobalAveragePool", ["x"], ["p"], name="pool"),
        node("Sigmoid", ["p"], ["g"], name="gate"),
        node("Mul", ["x", "g"], ["y"], name="scale"),
    ]
    found = workload(model(nodes, {"x": [1, 4, 5, 5]}), {}).kernels
    assert [k.ops for k in found] == [("GlobalAveragePool", "Sigmoid"), ("Mul",)]
    assert [k.flops for k in found] == [100 + 4, 100]
    assert [k.precision for k in found] == [None, None]


@pytest.mark.parametrize("transposed", [0, 1])
def test_gemm_and_matmul(transposed: int) -> None:
    shape = [7, 5] if transposed else [5, 7]
    nodes = [
        node("Gemm", ["x", "w"], ["h"], name="gemm", transA=transposed),
        node("MatMul", ["h", "v"], ["y"], name="matmul"),
    ]
    weights = {"w": np.ones((7, 11), "f4"), "v": np.ones((11, 13), "f4")}
    found = workload(model(nodes, {"x": shape}, weights=weights), {}).kernels
    assert [k.macs for k in found] == [5 * 7 * 11, 5 * 11 * 13]


def test_groups_strides_and_transposed_convolutions() -> None:
    nodes = [
        node("Conv", ["x", "w"], ["c"], name="conv", group=2, strides=[2, 2], pads=[1, 1, 1, 1]),
        node("ConvTranspose", ["c", "v"], ["y"], name="up", strides=[2, 2]),
    ]
    weights = {"w": np.ones((6, 2, 3, 3), "f4"), "v": np.ones((6, 5, 2, 2), "f4")}
    found = workload(model(nodes, {"x": [1, 4, 8, 8]}, weights=weights), {}).kernels
    assert [k.macs for k in found] == [6 * 16 * 2 * 9, 6 * 16 * 5 * 4]


def test_what_is_quantised_moves_bytes_and_multiplies_integers() -> None:
    rng = np.random.default_rng(0)
    nodes = [
        node("QuantizeLinear", ["x", "s", "u"], ["xq"], name="q"),
        node("DequantizeLinear", ["xq", "s", "u"], ["xd"], name="dq"),
        node("DequantizeLinear", ["w", "s", "i"], ["wd"], name="dw"),
        node("Conv", ["xd", "wd"], ["c"], name="conv"),
        node("Relu", ["c"], ["r"], name="relu"),
        node("QuantizeLinear", ["r", "s", "u"], ["rq"], name="rq"),
        node("DequantizeLinear", ["rq", "s", "u"], ["y"], name="out"),
    ]
    weights = {
        "w": rng.integers(-127, 128, (8, 4, 1, 1), np.int8),
        "s": np.float32(0.1), "u": np.uint8(128), "i": np.int8(0),
    }  # fmt: skip
    found = workload(model(nodes, {"x": [1, 4, 5, 5]}, weights=weights), {})
    quantise, conv = found.kernels
    scale = FP32 + 1  # a scale and a zero point
    assert conv.ops == ("Conv", "Relu", "QuantizeLinear")
    assert conv.precision == "int8" == found.precision
    assert conv.bytes == 100 + 32 + scale + 200
    assert quantise.bytes == FP32 * 100 + scale + 100


def test_weights_of_8_bits_beside_real_numbers_are_no_integer_arithmetic() -> None:
    nodes = [
        node("DequantizeLinear", ["w", "s"], ["wd"], name="dw"),
        node("MatMul", ["x", "wd"], ["y"], name="fc"),
    ]
    weights = {"w": np.ones((8, 4), np.int8), "s": np.float32(0.1)}
    (kernel,) = workload(model(nodes, {"x": [2, 8]}, weights=weights), {}).kernels
    assert kernel.precision == "fp32"
    assert kernel.bytes == FP32 * 16 + 32 + FP32 * 8


def test_half_precision_moves_half() -> None:
    half = workload(conv_relu(TensorProto.FLOAT16, "float16"), {"x": (1, 3, 10, 12)})
    full = workload(conv_relu(), {"x": (1, 3, 10, 12)})
    assert (half.precision, half.macs, 2 * half.bytes) == ("fp16", full.macs, full.bytes)


def test_views_and_constants_cost_nothing() -> None:
    nodes = [
        node("Shape", ["x"], ["shape"], name="shape"),
        node("Identity", ["x"], ["i"], name="identity"),
        node("Flatten", ["i"], ["y"], name="flatten"),
    ]
    found = workload(model(nodes, {"x": [2, 3, 4]}), {})
    assert found.kernels == ()
    assert found.precision == "fp32"


def test_nodes_of_unknown_shape_are_named() -> None:
    nodes = [
        node("NonZero", ["x"], ["n"], name="nonzero"),
        node("Cast", ["n"], ["y"], name="cast", to=TensorProto.FLOAT),
    ]
    assert workload(model(nodes, {"x": [2, 3]}), {}).unknown == ("nonzero", "cast")


def test_functions_are_looked_into() -> None:
    body = helper.make_function(
        "local", "Twice", ["a"], ["c"], [node("Relu", ["a"], ["b"]), node("MatMul", ["b", "b"], ["c"])],
        [helper.make_opsetid("", 18)],
    )  # fmt: skip
    proto = model([node("Twice", ["x"], ["y"], domain="local")], {"x": [4, 4]})
    proto.functions.append(body)
    proto.opset_import.append(helper.make_opsetid("local", 1))
    assert workload(proto, {}).macs == 64


def test_what_is_no_model_is_said(tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_bytes(b"not a model at all")
    with pytest.raises(ModelError, match=r"no\.onnx is no ONNX model"):
        workload(tmp_path / "no.onnx", {})
    with pytest.raises(FileNotFoundError):
        workload(tmp_path / "none.onnx", {})


def test_sizes_that_the_model_does_not_take_are_said() -> None:
    with pytest.raises(ModelError, match="can't be"):
        workload(conv_relu(), {"x": (1, 4, 10, 12)})


def test_weights_in_a_file_of_their_own_are_not_needed(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save_model(conv_relu(), path, save_as_external_data=True, location="w.data", size_threshold=0)
    (tmp_path / "w.data").unlink()
    assert workload(path, {"x": (1, 3, 10, 12)}) == workload(conv_relu(), {"x": (1, 3, 10, 12)})


def test_of_operators_that_are_not_onnx_s_the_file_tells_the_shape_or_nobody() -> None:
    twice = node("Twice", ["x"], ["t"], name="twice", domain="others")
    relu = node("Relu", ["t"], ["y"], name="relu")

    def of(*nodes: onnx.NodeProto, output: str) -> onnx.ModelProto:
        made = model(nodes, {"x": ["N", 3]}, [output])
        made.opset_import.append(helper.make_opsetid("others", 1))
        return made

    made = of(twice, relu, output="y")
    assert workload(made, {"x": (2, 3)}).unknown == ("twice", "relu")
    made.graph.value_info.append(helper.make_tensor_value_info("t", TensorProto.FLOAT, ["N", 3]))
    assert not workload(made, {"x": (2, 3)}).unknown
    assert workload(of(twice, output="t"), {"x": (2, 3)}).unknown == ("twice",), "no scalar"
