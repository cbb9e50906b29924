"""The passes of every profile over a network of every family of the library: in fp32, outputs stay equal.

So do all tensors that keep their names, so that layers can be compared one by one whatever the profile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from math import prod
from typing import Any

import numpy as np
import pytest

import archc
from archc.backends.init import InitialValues
from archc.backends.onnx.export import Export
from archc.backends.onnx.model import Built, build
from archc.backends.onnx.passes.contracts import no_foldable_norm, no_norm_of_maps
from archc.backends.onnx.profiles import PROFILES
from archc.graph.graph import Graph
from archc.language import library
from tests.passes.nets import difference, exposed, feeds_of, run

Array = np.ndarray[Any, Any]
TOLERANCE = 1e-5
# One network of each file → what makes it small.
FAMILIES: dict[str, dict[str, Any]] = {
    "alexnet": {"input": [3, 64, 64]},
    "alexnet_d2l": {},
    "anynet_c": {"input": [3, 64, 64]},
    "convnext_tiny": {"input": [3, 64, 64]},
    "densenet121": {"input": [3, 64, 64]},
    "densenet_d2l": {},
    "efficientnet_b0": {"input": [3, 64, 64]},
    "efficientnet_v2_s": {"input": [3, 64, 64]},
    "googlenet": {"input": [3, 64, 64]},
    "googlenet_d2l": {},
    "inception_v3": {},
    "lenet5_mnist": {},
    "lenet5_sigmoid": {},
    "mnasnet0_5": {"input": [3, 64, 64]},
    "mobilenet_v2": {"input": [3, 64, 64]},
    "mobilenet_v3_small": {"input": [3, 64, 64]},
    "nin": {},
    "regnet_y_400mf": {"input": [3, 64, 64]},
    "resnet50": {"input": [3, 64, 64]},
    "resnet50_fpn": {"input": [3, 96, 96]},
    "resnet_d2l": {},
    "resnet34_cifar": {},
    "shufflenet_v2_x0_5": {"input": [3, 64, 64]},
    "squeezenet1_1": {"input": [3, 64, 64]},
    "unet_small": {"input": [3, 48, 48]},
    "vgg11_bn": {"input": [3, 32, 32]},
    "vgg11_d2l_quarter": {},
}
LISTS = {profile.passes: name for name, profile in reversed(PROFILES.items())}  # each list once
# Linear layers of up to a hundred million weights, and nothing in which the lists differ: one of them is enough.
LARGE = ("alexnet", "vgg11_bn", "alexnet_d2l", "vgg11_d2l_quarter")
CASES = [
    *(
        (family, name, False)
        for family in FAMILIES
        for name in LISTS.values()
        if name == "cpu-int8" or family not in LARGE
    ),
    *((family, "cuda-fp32", True) for family in FAMILIES if family not in LARGE),
]


def state(graph: Graph, *, positive: bool) -> dict[str, Array]:
    """Random weights, with batch norms that shift, scale and, if not ``positive``, turn signs."""
    rng = np.random.default_rng(0)
    drawn = InitialValues(graph, 0)
    return {
        entry.key: _of_norm(rng, entry.name, entry.weight.shape, positive)
        if entry.node.op.name == "batch_norm" and entry.weight.shape
        else drawn[entry.key]
        for entry in graph.state
    }


def _of_norm(rng: np.random.Generator, name: str, shape: tuple[int, ...], positive: bool) -> Array:
    if name in ("bias", "running_mean"):
        return rng.normal(0, 0.3, shape).astype(np.float32)
    signs = rng.choice([-1.0, 1.0], shape) if name == "weight" and not positive else 1.0
    return (rng.uniform(0.5, 1.5, shape) * signs).astype(np.float32)


@cache
def compiled(family: str) -> archc.Network:
    return archc.compile(family, **FAMILIES[family])


def made(family: str, passes: Sequence[str], weights: Mapping[str, Array]) -> Built:
    return build(compiled(family).graph, weights=weights, export=Export.of("portable", only=passes))


def test_there_is_a_network_of_every_file() -> None:
    assert {compiled(name).graph.name for name in FAMILIES} == {path.stem for path in library.models()}


@pytest.mark.parametrize(
    ("family", "profile", "positive"),
    [pytest.param(*case, marks=[pytest.mark.slow] * (case[0] in LARGE)) for case in CASES],
)
def test_outputs_and_layers_stay_equal(family: str, profile: str, positive: bool) -> None:
    weights = state(compiled(family).graph, positive=positive)
    before = made(family, [], weights)
    after = made(family, PROFILES[profile].passes, weights)
    assert not no_foldable_norm(after.program)
    assert profile != "cpu-int8" or not no_norm_of_maps(after.program)
    pairs = same_named(before, after)
    assert set(after.program.outputs) <= set(pairs)
    feeds = feeds_of(before.program, 2)
    wanted = run(exposed(before.program, pairs.values()), feeds)
    found = run(exposed(after.program, pairs), feeds)
    worst = {name: difference(found[name], wanted[pairs[name]]) for name in pairs}
    assert not {name: error for name, error in worst.items() if error > TOLERANCE}


def same_named(before: Built, after: Built) -> dict[str, str]:
    """Name after the passes → name before, of the results of layers that are there in both.

    A layer that was folded into one before it shares that one's name, and is what it then stands for.
    """
    last = {name: tensor for tensor, name in after.names.items() if name in after.program.types}
    pairs = {name: before.names[tensor] for name, tensor in last.items()}
    return {name: old for name, old in pairs.items() if old in before.program.types}


@pytest.mark.parametrize(
    ("family", "found"),
    [
        ("densenet121", {"pool-before-conv": 3, "norm-relu-as-max": 61, "norm-as-depthwise": 62}),
        ("densenet_d2l", {"pool-before-conv": 3, "norm-relu-as-max": 3, "norm-as-depthwise": 20}),
        ("inception_v3", {"conv-before-pool": 9}),
        ("resnet50", {}),
    ],
)
def test_what_the_passes_find(family: str, found: dict[str, int]) -> None:
    """So that equal outputs are not those of passes that did nothing."""
    weights = state(compiled(family).graph, positive=True)
    for name in ("pool-before-conv", "norm-relu-as-max", "norm-as-depthwise", "conv-before-pool"):
        after = made(family, ["fold-batch-norm", name], weights)
        assert len(after.applied[1].changes) == found.get(name, 0), name


def test_a_densenet_multiplies_a_twelfth_less() -> None:
    weights = state(compiled("densenet121").graph, positive=True)
    before, after = (made("densenet121", passes, weights) for passes in ([], ["pool-before-conv"]))
    assert 0.07 < 1 - products(after) / products(before) < 0.09


def products(built: Built) -> int:
    """Of all convolutions, for one image."""
    program, total = built.program, 0
    for conv in program.of_type("Conv"):
        pixels = prod(n for n in (program.shape(conv.outputs[0]) or ())[2:] if isinstance(n, int))
        total += pixels * prod(program.initializers[conv.inputs[1]].shape)
    return total
