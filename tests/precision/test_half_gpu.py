"""Half precision on a GPU: as near to fp32 as it should be, as the simulation says, and every node on CUDA."""

from __future__ import annotations

import numpy as np
import pytest

from archc.backends.onnx.export import Export
from archc.backends.onnx.model import build
from archc.backends.onnx.passes.base import run_on_program
from archc.backends.onnx.precision.half.tolerance import tolerance
from archc.backends.onnx.precision.simulate import simulated
from archc.backends.onnx.profiles import CUDA
from archc.runtime.environment import environment
from tests.precision.halves import KINDS, SHAPE, conv, halved, lively, node, program, run
from tests.precision.test_half_simulated import CASES, conversions_of, emitted
from tests.support.ops import Case, relative_error

pytestmark = pytest.mark.gpu
every_kind = pytest.mark.parametrize("kind", KINDS)
NETWORKS = ("resnet18", "mobilenet_v2", "efficientnet_b0", "densenet121", "convnext_tiny", "googlenet", "unet_small")


@pytest.fixture(autouse=True)
def gpu() -> None:
    if missing := environment().missing():
        pytest.skip("; ".join(missing))


@every_kind
@pytest.mark.parametrize("case", CASES)
def test_every_op(case: Case, kind: str) -> None:
    """onnxruntime refuses to leave a node to the CPU."""
    made, feeds = emitted(case)
    if not made.nodes:
        return
    expected = run(made, feeds)
    for rewrite in conversions_of(kind):
        run_on_program(rewrite, made)
    for found, exact in zip(run(made, feeds, CUDA), expected, strict=True):
        assert relative_error(found, exact) <= max(tolerance(made), 1e-4)


@every_kind
@pytest.mark.parametrize("network", NETWORKS)
def test_networks(network: str, kind: str) -> None:
    """Within what rounding explains, and about as far from fp32 as the simulation is."""
    graph, feeds, weights = lively(network, 64)
    exact = run(build(graph, weights=weights).program, feeds)
    made = build(graph, weights=weights, export=Export.of(f"cuda-{kind}")).program
    simulation = run(simulated(made), feeds)
    for ours, theirs, expected in zip(run(made, feeds, CUDA), exact, simulation, strict=True):
        assert relative_error(ours, theirs) <= tolerance(made)
        assert relative_error(ours, theirs) <= 2 * relative_error(expected, theirs)


@every_kind
@pytest.mark.parametrize("op", ["GlobalAveragePool", "ReduceMean"])
def test_means_are_summed_in_fp32(op: str, kind: str) -> None:
    """36 numbers of 10,000: their sum is beyond fp16, and their mean isn't."""
    axes = {"axes": np.array([2, 3])} if op == "ReduceMean" else {}
    made = program(node(op, " ".join(["x", *axes]), "y"), constants=axes)
    made.outputs["y"] = made.outputs["y"]._replace(shape=("N", SHAPE[0], 1, 1))
    halved(made, kind)
    feeds = {"x": 10_000 + np.random.default_rng(0).standard_normal((2, *SHAPE)).astype(np.float32)}
    (found,) = run(made, feeds, CUDA)
    assert np.allclose(found, 10_000, rtol=tolerance(made))


@every_kind
def test_convolutions_are_summed_in_fp32(kind: str) -> None:
    """4096 products of 1 are 4096; sums in bf16 end at 256, and in fp16 at 2048."""
    made = program(conv("x", "y"), constants={"w": np.ones((4, 4, 1, 1), np.float32)})
    made.initializers.clear()
    made.constant("w", np.ones((4, 4096, 1, 1)))
    made.inputs["x"] = made.inputs["x"]._replace(shape=("N", 4096, 6, 6))
    halved(made, kind)
    (found,) = run(made, {"x": np.ones((1, 4096, 6, 6), np.float32)}, CUDA)
    assert np.array_equal(found, np.full((1, 4, 6, 6), 4096, np.float32))


@every_kind
def test_types_of_inputs_and_outputs(kind: str) -> None:
    graph, feeds, weights = lively("resnet18", 64)
    export = Export.of(f"cuda-{kind}", io="fp16")
    made = build(graph, weights=weights, export=export).program
    (found,) = run(made, {name: x.astype(np.float16) for name, x in feeds.items()}, CUDA)
    (exact,) = run(build(graph, weights=weights).program, feeds)
    assert found.dtype == np.float16
    assert relative_error(found, exact) <= tolerance(made)
