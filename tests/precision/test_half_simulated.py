"""Half precision simulated on a CPU: what is rounded, and that ops and networks stay as near to fp32 as they should."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
import pytest
import torch

import archc
from archc.backends.onnx.export import Export
from archc.backends.onnx.kernels import without_kernel
from archc.backends.onnx.model import build, emit_op
from archc.backends.onnx.passes.base import ProgramPass, run_on_program
from archc.backends.onnx.precision.dtypes import dtypes
from archc.backends.onnx.precision.half import Bf16, Fp16
from archc.backends.onnx.precision.half.forms import Bf16Forms
from archc.backends.onnx.precision.half.gelu import Gelus
from archc.backends.onnx.precision.half.tolerance import TYPICAL, UNIT, tolerance
from archc.backends.onnx.precision.half.weights import narrow
from archc.backends.onnx.precision.simulate import simulated
from archc.backends.onnx.profiles import CUDA
from archc.backends.onnx.program import OnnxNode, Program
from archc.ops import OPS, Shape
from tests.kernels import standins
from tests.kernels.plan import plans
from tests.kernels.programs import of_model
from tests.precision.halves import KINDS, SHAPE, W, casts, conv, halved, lively, node, program, proto, run
from tests.support.ops import Case, cases, random_weights, relative_error

FEEDS = {"x": np.random.default_rng(1).standard_normal((2, *SHAPE)).astype(np.float32)}
CASES = [pytest.param(case, id=f"{name}-{i}") for name in sorted(OPS) for i, case in enumerate(cases(name))]
DTYPES = {"fp16": "float16", "bf16": "bfloat16"}
planned = pytest.mark.skipif(standins.needs() is not None, reason=str(standins.needs()))
every_kind = pytest.mark.parametrize("kind", KINDS)

# One of each family, and images as small as it takes.
# Network → sides of its images. tests/verification compares every family; these are looked at more closely.
NETWORKS = {
    "densenet121": 64, "efficientnet_b0": 64, "mobilenet_v2": 64, "resnet18": 64, "shufflenet_v2_x0_5": 64,
    "squeezenet1_1": 64, "unet_small": 64,
}  # fmt: skip
OTHERS = {
    "convnext_tiny": 64, "efficientnet_v2_s": 64, "googlenet": 64, "inception_v3": 299, "lenet5_mnist": 28,
    "mnasnet0_5": 64, "mobilenet_v3_small": 64, "nin": 96, "regnet_x_400mf": 64, "regnet_y_400mf": 64,
    "resnet50_fpn": 64,
}  # fmt: skip


@every_kind
def test_every_tensor_is_rounded_as_the_device_rounds_it(kind: str) -> None:
    """Against numpy: x + 1 - 1 keeps what half precision keeps of x + 1, and onnxruntime leaves that alone."""
    made = program(node("Add", "x one", "a"), node("Sub", "a one", "y"), constants={"one": 1.0})
    halved(made, kind)
    (found,) = run(simulated(made), FEEDS)
    first = narrow(narrow(FEEDS["x"], DTYPES[kind]).astype(np.float32) + 1, DTYPES[kind]).astype(np.float32)
    assert np.array_equal(found, narrow(first - 1, DTYPES[kind]).astype(np.float32))


def test_the_cpu_alone_would_not_round_between_nodes() -> None:
    """Why there is a simulation."""
    made = program(node("Add", "x one", "a"), node("Sub", "a one", "y"), constants={"one": 1.0})
    halved(made)
    (found,), (exact,) = run(made, FEEDS), run(simulated(made), FEEDS)
    assert relative_error(found, FEEDS["x"]) < relative_error(exact, FEEDS["x"])


@every_kind
def test_names_and_types_are_those_of_the_program(kind: str) -> None:
    made = program(conv("x", "a"), node("Softmax", "a", "b"), conv("b", "y"), constants=W)
    halved(made, kind)
    before = [(n.op_type, tuple(n.inputs)) for n in made.nodes]
    before_types = dtypes(made)
    found = simulated(made)
    after = dtypes(found)
    assert [(n.op_type, tuple(n.inputs)) for n in made.nodes] == before
    made_by_nodes = {t for n in made.nodes for t in n.outputs}
    assert {t: after[t] for t in made_by_nodes} == {t: before_types[t] for t in made_by_nodes}
    assert {dtypes(found)[t] for n in found.nodes if n.op_type != "Cast" for t in n.outputs} == {"float32"}


def test_what_is_in_fp32_is_left_as_it_is() -> None:
    made = program(conv("x", "y"), constants=W)
    assert proto(simulated(made)) == proto(made)


@every_kind
@pytest.mark.parametrize("case", CASES)
def test_every_op_in_half_precision(case: Case, kind: str) -> None:
    made, feeds = emitted(case)
    if not made.nodes:
        return
    expected = run(made, feeds)
    for rewrite in conversions_of(kind):
        run_on_program(rewrite, made)
    assert not without_kernel(made, CUDA)
    for found, exact in zip(run(simulated(made), feeds), expected, strict=True):
        assert relative_error(found, exact) <= max(tolerance(made), 1e-6)


def emitted(case: Case) -> tuple[Program, dict[str, Any]]:
    """The op with random weights, and inputs for it."""
    weights = {name: value.numpy() for name, value in random_weights(case).items()}
    feeds = {f"x{i}": x.numpy() for i, x in enumerate(case.inputs())}
    return of_model(emit_op(case.op, case.on, weights)), feeds


def conversions_of(kind: str) -> list[ProgramPass]:
    return [Gelus(), Bf16Forms(), Bf16(CUDA)] if kind == "bf16" else [Gelus(), Fp16(CUDA)]


@planned
@every_kind
def test_cuda_runs_every_op_as_it_is(kind: str) -> None:
    """onnxruntime's own plan: nothing left to the CPU, no cast added."""
    programs = {param.id: of_model(emit_op(c.op, c.on)) for param in CASES for c in param.values}
    for made in programs.values():
        for rewrite in conversions_of(kind):
            run_on_program(rewrite, made)
    models = {name: proto(made) for name, made in programs.items() if made.nodes}
    for name, plan in plans(models, CUDA).items():
        assert (plan.error, plan.elsewhere) == ("", ()), name
        assert plan.nodes.count("Cast") <= len(casts(programs[name])), name


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("kernel", [1, 2, 3, (1, 3)])
@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), (2, 1, 1), (3, 0, 2), ((2, 1), (0, 1), 2)])
def test_a_max_pool_of_slices_is_exact(kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> None:
    fits = 2 * np.broadcast_to(padding, 2) <= np.broadcast_to(kernel, 2)
    if not fits.all():
        pytest.skip("there is no such pool")
    pool = OPS["max_pool"].of(kernel, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)
    made = of_model(emit_op(pool, [Shape((4, 9, 8))]))
    feeds = {"x0": np.random.default_rng(2).standard_normal((2, 4, 9, 8)).astype(np.float32)}
    (expected,) = run(made, feeds)
    done = run_on_program(Bf16Forms(), made)
    assert len(done.changes) == 1 and not made.of_type("MaxPool")
    assert np.array_equal(run(made, feeds)[0], expected)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu_is_one_operator(approximate: str) -> None:
    made = of_model(emit_op(OPS["gelu"].of(approximate), [Shape((4, 6, 6))]))
    feeds = {"x0": 3 * FEEDS["x"]}
    (expected,) = run(made, feeds)
    run_on_program(Gelus(), made)
    assert [(n.op_type, n.attributes.get("approximate", "none")) for n in made.nodes] == [("Gelu", approximate)]
    assert relative_error(run(made, feeds)[0], expected) < 1e-6
    halved(made)
    assert [n.op_type for n in made.nodes] == ["Cast", "Gelu", "Cast"]


def test_what_is_nearly_a_gelu_is_none() -> None:
    gate = [node("Div", "x root", "a"), node("Erf", "a", "b"), node("Add", "b one", "c"), node("Mul", "x c", "d")]
    constants = {"root": np.float32(2**0.5), "one": 1.0, "half": 0.5, "other": 0.7}
    for wrong in ({"half": 0.4}, {"root": 1.4}, {"one": 1.1}):
        made = program(*map(again, gate), node("Mul", "d half", "y"), constants={**constants, **wrong})
        assert not run_on_program(Gelus(), made).changes
    read = program(*map(again, gate), node("Mul", "d half", "e"), node("Add", "e c", "y"), constants=constants)
    assert not run_on_program(Gelus(), read).changes
    assert run_on_program(Gelus(), program(*gate, node("Mul", "d half", "y"), constants=constants)).changes


def again(one: OnnxNode) -> OnnxNode:
    return OnnxNode(one.op_type, [*one.inputs], [*one.outputs], {}, one.name, one.layer)


def tolerances(*chain: OnnxNode) -> float:
    made = program(*chain, constants=W)
    halved(made)
    return tolerance(made)


@pytest.mark.parametrize("dtype", UNIT)
def test_what_a_rounding_typically_errs_by(dtype: str) -> None:
    numbers = np.exp(np.random.default_rng(0).uniform(-4, 4, 200_000)).astype(np.float32)
    relative = (narrow(numbers, dtype).astype(np.float64) - numbers) / numbers
    assert np.sqrt(np.mean(relative**2)) / UNIT[dtype] == pytest.approx(TYPICAL, rel=0.01)
    assert np.abs(relative).max() <= UNIT[dtype]


def test_what_rounding_explains_grows_as_a_random_walk() -> None:
    assert tolerances(conv("x", "y")) == 4 * 2**-11  # 2e-3, for few roundings
    layers = [conv("x" if i == 0 else f"a{i - 1}", "y" if i == 49 else f"a{i}") for i in range(50)]
    assert tolerances(*layers) == pytest.approx(3 * TYPICAL * sqrt(50 + 1) * 2**-11)  # of results, and the input
    assert tolerances(node("Softmax", "x", "y")) == 0


@pytest.mark.slow
@every_kind
@pytest.mark.parametrize("network", NETWORKS)
def test_networks_in_half_precision(network: str, kind: str) -> None:
    """On weights such that numbers neither grow nor vanish; with random ones as they start, the least error grows."""
    torch.set_num_threads(1)
    graph, feeds, weights = lively(network, NETWORKS[network])
    (expected, *_) = exact = run(build(graph, weights=weights).program, feeds)
    made = build(graph, weights=weights, export=Export.of(f"cuda-{kind}")).program
    assert not without_kernel(made, CUDA)
    found = run(simulated(made), feeds)
    for ours, theirs in zip(found, exact, strict=True):
        assert relative_error(ours, theirs) < tolerance(made)
    if kind == "fp16" and expected.ndim == 2:  # of random logits, two may be as good as equal
        assert np.count_nonzero(found[0].argmax(1) == expected.argmax(1)) >= 3


@every_kind
@pytest.mark.parametrize("network", OTHERS)
def test_cuda_has_kernels_for_networks(network: str, kind: str) -> None:
    ((_, tensor),) = archc.compile(network).graph.inputs.items()
    side = OTHERS[network]
    graph = archc.compile(network, input=[tensor.shape.channels, side, side]).graph
    assert not without_kernel(build(graph, export=Export.of(f"cuda-{kind}")).program, CUDA)


@pytest.mark.slow
def test_torch_is_no_nearer_to_fp32() -> None:
    """PyTorch's own module.half(), which rounds at the same places."""
    torch.set_num_threads(1)
    graph, feeds, weights = lively("mobilenet_v2", 64)
    module = archc.compile("mobilenet_v2", input=[3, 64, 64]).module()
    module.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()})
    (exact,) = run(build(graph, weights=weights).program, feeds)
    with torch.no_grad():
        theirs = module.half()(torch.from_numpy(feeds["x"]).half()).float().numpy()
    (ours,) = run(simulated(build(graph, weights=weights, export=Export.of("cuda-fp16")).program), feeds)
    assert relative_error(ours, exact) < 1.5 * relative_error(theirs, exact)
