"""Which forms of a computation onnxruntime makes one node of, on the CPU and on CUDA.

What is emitted, and the passes, count on these. Where a new onnxruntime fuses more, or less, this says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from archc.backends.onnx.wire import dtype_of
from tests.kernels import standins
from tests.kernels.plan import CPU, CUDA, Plan, plan, plans
from tests.kernels.test_ops import LAYOUT

pytestmark = pytest.mark.skipif(standins.needs() is not None, reason=str(standins.needs()))

_draw = np.random.default_rng(0).standard_normal
CONSTANTS = {
    "w": _draw((16, 16, 3, 3)), "w1": _draw((16, 16, 1, 1)), "dw": _draw((16, 1, 1, 1)), "m": _draw((8, 8)),
    "b": _draw(16), "positive": np.square(_draw(16)) + 1, "c": _draw((16, 1, 1)), "row": _draw(8),
    "zero": np.array(0.0), "half": np.array(0.5), "one": np.array(1.0), "two": np.array(2.0), "six": np.array(6.0),
    "root2": np.sqrt(2.0), "invroot2": np.sqrt(0.5), "tiny": np.array(1e-5),
    "last": np.array([-1]), "border": np.array([0, 0, 1, 1, 0, 0, 1, 1]),
}  # fmt: skip

BEFORE, AFTER = "t = Conv <pads = [1, 1, 1, 1]> (x, w, b)", "y = Conv <pads = [1, 1, 1, 1]> (u, w, b)"
ERF = "e = Erf(d) f = Add(e, one) g = Mul(t, f) u = Mul(g, half)"
BATCH_NORM = "BatchNormalization(t, b, b, b, positive)"
SQUEEZE = "p = GlobalAveragePool(t) q = Conv(p, w1, b) r = Relu(q) s = Conv(r, w1, b)"

# What stands between two convolutions → the nodes that are left of the three, on the CPU and on CUDA.
BETWEEN = {
    "u = Relu(t)": ("Conv Conv", "Conv Relu Conv"),
    "u = Clip(t, zero, six)": ("Conv Conv", "Conv Clip Conv"),
    "u = LeakyRelu <alpha = 0.1> (t)": ("Conv Conv", "Conv LeakyRelu Conv"),
    "u = HardSwish(t)": ("Conv Conv", "Conv HardSwish Conv"),
    "s = Sigmoid(t) u = Mul(t, s)": ("Conv QuickGelu Conv", "Conv QuickGelu Conv"),
    f"d = Div(t, root2) {ERF}": ("Conv Gelu Conv", "Conv Gelu Conv"),
    f"d = Mul(t, invroot2) {ERF}": ("Conv Mul Erf Add Mul Mul Conv", "Conv Mul Erf Add Mul Mul Conv"),
    f"u = {BATCH_NORM}": ("Conv Conv", "Conv Conv"),
    f"v = {BATCH_NORM} u = Relu(v)": ("Conv Conv", "Conv Relu Conv"),
    "v = Relu(t) b1 = Conv(v, w1, b) a = Add(b1, v) u = Relu(a)": ("Conv Conv Conv", "Conv Relu Conv Add Relu Conv"),
    "a = Add(t, x) v = BatchNormalization(a, b, b, b, positive) u = Relu(v)": (
        "Conv Add BatchNormalization Relu Conv",
        "Conv Add BatchNormalization Relu Conv",
    ),
    "a = Add(t, x) v = Conv <group = 16> (a, dw, b) u = Relu(v)": ("Conv Add Conv Conv", "Conv Add Conv Relu Conv"),
    "u = Max(t, c)": ("Conv Max Conv", "Conv Max Conv"),
    f"{SQUEEZE} v = Sigmoid(s) u = Mul(t, v)": (
        "Conv GlobalAveragePool Conv Conv Mul Conv",
        "Conv GlobalAveragePool Conv Relu Conv Sigmoid Mul Conv",
    ),
}

# What stands by itself, from x to y.
ALONE = {
    "y = LayerNormalization <axis = -1> (x, row, row)": "LayerNormalization",
    "m0 = ReduceMean(x, last) d = Sub(x, m0) q = Pow(d, two) v = ReduceMean(q, last) a = Add(v, tiny) r = Sqrt(a) "
    "n = Div(d, r) s = Mul(n, row) y = Add(s, row)": "LayerNormalization",
    "t = Add(x, row) d = Div(t, root2) e = Erf(d) f = Add(e, one) g = Mul(t, f) y = Mul(g, half)": "BiasGelu",
    "v = MatMul(x, m) t = Add(v, row) d = Div(t, root2) e = Erf(d) f = Add(e, one) g = Mul(t, f) "
    "y = Mul(g, half)": "MatMul BiasGelu",
    "p = Pad(x, border) y = Conv(p, w, b)": "Conv",
}


def model(body: str, dtype: str = "float", opset: int = 18) -> onnx.ModelProto:
    """A model from x to y, 16 × 8 × 8, of nodes in ONNX's text."""
    side = f"{dtype}[N, 16, 8, 8]"
    opsets = f'"" : {opset}, "com.microsoft" : 1'
    made = onnx.parser.parse_model(
        f"<ir_version: 10, opset_import: [{opsets}]> g ({side} x) => ({side} y) {{ {body} }}"
    )
    floats = dtype_of({"float": "float32"}.get(dtype, dtype))
    for name in {name for node in made.graph.node for name in node.input} & set(CONSTANTS):
        value = CONSTANTS[name]
        made.graph.initializer.append(
            numpy_helper.from_array(value.astype(floats) if value.dtype.kind == "f" else value, name)
        )
    return made


def computing(nodes: Sequence[str]) -> str:
    """The types of nodes, those of layout aside."""
    return " ".join(node.rpartition(":")[2] for node in nodes if node not in LAYOUT)


@cache
def planned(provider: str, dtype: str, **options: str) -> dict[str, Plan]:
    bodies = {body: f"{BEFORE} {body} {AFTER}" for body in BETWEEN} | {body: body for body in ALONE}
    return plans({name: model(body, dtype) for name, body in bodies.items()}, provider, **options)


@pytest.mark.parametrize("body", BETWEEN)
def test_between_convolutions_on_the_cpu(body: str) -> None:
    assert computing(planned(CPU, "float")[body].nodes) == BETWEEN[body][0]


@pytest.mark.parametrize("options", [(), (("prefer_nhwc", "1"),)], ids=["nchw", "nhwc"])
@pytest.mark.parametrize("dtype", ["float", "float16"])
@pytest.mark.parametrize("body", BETWEEN)
def test_between_convolutions_on_cuda(body: str, dtype: str, options: tuple[tuple[str, str], ...]) -> None:
    found = planned(CUDA, dtype, **dict(options))[body]
    assert computing(found.nodes) == BETWEEN[body][1]
    assert not found.elsewhere


@pytest.mark.parametrize(("provider", "dtype"), [(CPU, "float"), (CUDA, "float"), (CUDA, "float16")])
@pytest.mark.parametrize("body", ALONE)
def test_alone(body: str, provider: str, dtype: str) -> None:
    found = planned(provider, dtype)[body]
    assert (computing(found.nodes), found.elsewhere) == (ALONE[body], ())


@pytest.mark.parametrize("provider", [CPU, CUDA])
def test_gelu_of_opset_20_stays_one_node(provider: str) -> None:
    found = plan(model(f"{BEFORE} u = Gelu(t) {AFTER}", opset=20), provider)
    assert (computing(found.nodes), found.elsewhere) == ("Conv Gelu Conv", ())


def test_a_layer_norm_of_channels_needs_no_transposition_in_nhwc() -> None:
    """As in ConvNeXt: the layout that the provider chooses is the one that the norm wants."""
    body = f"""{BEFORE} l = Transpose <perm = [0, 2, 3, 1]> (t) n = LayerNormalization <axis = -1> (l, b, b)
               u = Transpose <perm = [0, 3, 1, 2]> (n) {AFTER}"""
    assert plan(model(body, "float16"), CUDA, prefer_nhwc="1").nodes.count("Transpose") == 2  # of x and of y
    assert plan(model(body, "float16"), CUDA).nodes.count("Transpose") == 2  # about the norm


def test_squeeze_and_excitation_leaves_the_blocked_layout_of_the_cpu() -> None:
    nodes = planned(CPU, "float")[f"{SQUEEZE} v = Sigmoid(s) u = Mul(t, v)"].nodes
    assert nodes.count("com.microsoft.nchwc:ReorderOutput") == 3
    assert nodes.count("com.microsoft.nchwc:ReorderInput") == 2


def test_a_fused_convolution_runs_on_cuda_in_fp32_alone() -> None:
    """CUDA no longer fuses a convolution with its activation; it runs those that are."""
    body = 'y = com.microsoft.FusedConv <activation = "Relu", pads = [1, 1, 1, 1]> (x, w, b, x)'
    assert plan(model(body), CUDA) == Plan(("com.microsoft:FusedConv",))
    assert plan(model(body, "float16"), CUDA).elsewhere == ("FusedConv",)


def test_bf16_on_cuda_wants_nchw_and_has_no_max_pool() -> None:
    """Convolutions take it from opset 22 on, for which CUDA has no MaxPool of any type."""
    convolutions = model(f"{BEFORE} u = Relu(t) {AFTER}", "bfloat16", opset=22)
    assert plan(convolutions, CUDA) == Plan(("Conv", "Relu", "Conv"))
    with pytest.raises(ValueError, match=r"'tensor\(bfloat16\)' of input parameter .* of operator \(Conv\)"):
        plan(convolutions, CUDA, prefer_nhwc="1")
    pool = "u = MaxPool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (t)"
    assert plan(model(f"{BEFORE} {pool} {AFTER}", opset=22), CUDA).elsewhere == ("MaxPool",)


def test_the_cpu_computes_fp16_in_fp32() -> None:
    nodes = plan(model(f"{BEFORE} u = Relu(t) {AFTER}", "float16"), CPU).nodes
    assert nodes.count("Cast") >= 2


@pytest.mark.gpu
@pytest.mark.skipif(not standins.has_gpu(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("options", [{}, {"prefer_nhwc": "1"}], ids=["nchw", "nhwc"])
@pytest.mark.parametrize("dtype", ["float", "float16"])
def test_a_real_gpu_is_planned_for_alike(dtype: str, options: dict[str, str]) -> None:
    models = {body: model(f"{BEFORE} {body} {AFTER}", dtype) for body in BETWEEN}
    assert plans(models, CUDA, real=True, **options) == plans(models, CUDA, **options)
