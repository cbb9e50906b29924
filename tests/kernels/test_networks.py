"""Whole networks as a profile writes them: the provider that it is for runs every node, and takes none apart."""

from __future__ import annotations

from collections import Counter

import pytest

import archc
from archc.backends.onnx.export import Export
from archc.backends.onnx.kernels import without_kernel
from archc.backends.onnx.model import Built, build
from archc.backends.onnx.profiles import PROFILES
from tests.kernels import standins
from tests.kernels.plan import CPU, CUDA, plans
from tests.kernels.test_ops import LAYOUT, WITHOUT

pytestmark = pytest.mark.skipif(standins.needs() is not None, reason=str(standins.needs()))

# Small ones of the families, that have all kinds of layers among them.
NETWORKS = (
    "resnet18", "densenet_d2l", "googlenet_d2l", "inception_v3", "squeezenet1_1", "mobilenet_v2", "mobilenet_v3_small",
    "shufflenet_v2_x0_5", "mnasnet0_5", "efficientnet_b0", "regnet_y_400mf", "convnext_tiny", "nin", "unet_small",
)  # fmt: skip


def built(network: str, profile: str) -> Built:
    return build(archc.compile(network).graph, export=Export.of(profile))


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["cpu", "cuda-fp32", "cuda-fp16"])
@pytest.mark.parametrize("network", NETWORKS)
def test_a_provider_takes_all_of_a_network_as_it_is(network: str, profile: str) -> None:
    made, provider = built(network, profile), str(PROFILES[profile].provider)
    assert {found.use.op_type for found in without_kernel(made.program, provider)} <= set(WITHOUT[provider])
    for options in [{}, {"prefer_nhwc": "1"}] if provider == CUDA else [{}]:
        plan = plans({network: made.proto()}, provider, **options)[network]
        assert (plan.error, plan.elsewhere) == ("", ())
        more = Counter(plan.nodes) - Counter(node.op_type for node in made.program.nodes)
        added = {op: n for op, n in more.items() if ":" not in op and op not in LAYOUT}
        assert provider == CPU or not added, added
        assert sum(op not in LAYOUT for op in plan.nodes) <= len(made.program.nodes)
