"""What archc emits has kernels, and is not taken apart: each op by itself, and each network of the library."""

from __future__ import annotations

from collections import Counter
from functools import cache

import onnx
import pytest

from archc.backends.onnx.kernels import without_kernel
from tests.generated import variants
from tests.kernels import programs, standins
from tests.kernels.plan import CPU, CUDA, Plan, plans

planned = pytest.mark.skipif(standins.needs() is not None, reason=str(standins.needs()))
models = cache(programs.op_models)

# What has no kernel in fp32 at the opset that archc writes, and why it is emitted all the same.
WITHOUT = {
    CPU: {"HardSwish": "falls into HardSigmoid and Mul, as whoever wrote those two would get"},
    CUDA: {},
}
# What a network in these numbers must compute in fp32 on CUDA, at the opset that has the most kernels.
SINGLE = {
    ("float16", 18): set[str](),
    ("bfloat16", 22): {
        "BatchNormalization", "Clip", "ConvTranspose", "Elu", "GlobalAveragePool", "InstanceNormalization", "LRN",
        "LeakyRelu", "MaxPool", "PRelu", "Pad", "Resize", "SpaceToDepth",
    },
}  # fmt: skip
LAYOUT = ("com.microsoft.nchwc:ReorderInput", "com.microsoft.nchwc:ReorderOutput", "Transpose")


def lacking(model: onnx.ModelProto, provider: str) -> set[str]:
    """The types of nodes that have no kernel."""
    return {found.use.op_type for found in without_kernel(programs.of_model(model), provider)}


@pytest.mark.parametrize("provider", [CPU, CUDA])
def test_every_op_has_kernels(provider: str) -> None:
    found = {name: lacking(model, provider) for name, model in models().items()}
    assert set().union(*found.values()) == set(WITHOUT[provider]), found


@pytest.mark.parametrize("network", variants())
def test_every_network_has_kernels(network: str) -> None:
    program = programs.of_network(network)
    for provider, known in WITHOUT.items():
        found = [one for one in without_kernel(program, provider) if one.use.op_type not in known]
        assert not found, "\n".join(map(str, found))


@pytest.mark.parametrize(("dtype", "opset"), SINGLE)
def test_what_must_stay_in_fp32_on_cuda(dtype: str, opset: int) -> None:
    found = {name: lacking(programs.model_in(model, dtype, opset), CUDA) for name, model in models().items()}
    assert set().union(*found.values()) == SINGLE[dtype, opset]


@planned
@pytest.mark.parametrize(("dtype", "opset"), [("float32", 18), ("float32", 22), ("float16", 18), ("bfloat16", 22)])
def test_cuda_takes_the_nodes_that_the_table_says(dtype: str, opset: int) -> None:
    """onnxruntime has nowhere to run some nodes in bf16, and says so; all others it places as the table says."""
    others = {name: programs.model_in(model, dtype, opset) for name, model in models().items()}
    for name, plan in plans(others, CUDA, optimise=False).items():
        expected = [one.use.op_type for one in without_kernel(programs.of_model(others[name]), CUDA)]
        if plan.error:
            assert expected, f"{name}: {plan.error}"
        else:
            assert sorted(plan.elsewhere) == sorted(expected), name


@planned
@pytest.mark.parametrize("options", [{}, {"prefer_nhwc": "1"}], ids=["nchw", "nhwc"])
def test_cuda_takes_every_node(options: dict[str, str]) -> None:
    found = plans(models(), CUDA, **options)
    assert not {name: plan.elsewhere for name, plan in found.items() if plan.elsewhere}
    assert not taken_apart(found)


@planned
def test_the_cpu_takes_no_op_apart() -> None:
    assert taken_apart(plans(models(), CPU)) == {
        name: "HardSwish → HardSigmoid, Mul" for name in models() if name.startswith("hardswish")
    }


def taken_apart(found: dict[str, Plan]) -> dict[str, str]:
    """Where the optimised graph has more nodes than were emitted, nodes of layout aside: what became of what."""
    apart: dict[str, str] = {}
    for name, plan in found.items():
        emitted = [node.op_type for node in models()[name].graph.node]
        counts = (sum(op not in LAYOUT for op in ops) for ops in (plan.nodes, emitted))
        if plan.error or next(counts) > next(counts):
            apart[name] = plan.error or f"{', '.join(emitted)} → {', '.join(plan.nodes)}"
    return apart


@planned
def test_an_operator_without_a_kernel_is_taken_apart() -> None:
    """What the tests above would find, were GroupNormalization emitted as an operator."""
    group_norm = onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 21]>
        g (float[N, 8, 6, 6] x, float[8] scale, float[8] bias) => (float[N, 8, 6, 6] y)
        { y = GroupNormalization <num_groups = 2> (x, scale, bias) }""")
    assert lacking(group_norm, CPU) == lacking(group_norm, CUDA) == {"GroupNormalization"}
    plan = plans({"": group_norm}, CPU)[""]
    assert Counter(plan.nodes).total() > 20, plan.nodes
