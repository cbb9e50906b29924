"""Initial values: torch's distributions, from a seed, whatever the order."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from archc.backends.init import InitialValues, fans, initial_value, truncated_standard_normal
from archc.backends.weights import Array, WeightsError
from archc.graph.graph import InitRule
from archc.ops.base import Init, Weight
from tests.support.builder import Builder

CONV, LINEAR = (64, 32, 3, 3), (200, 300)


def value(name: str, shape: tuple[int, ...], seed: int = 0, key: str = "k", **args: float | str) -> Array:
    return initial_value(key, Weight(shape, Init("zeros")), Init.of(name, **args), seed)


def alike(a: Array, b: Array) -> bool:
    """Two samples of one distribution, by the test of Kolmogorov and Smirnov at 0.1%."""
    a, b = np.sort(a.ravel()), np.sort(b.ravel())
    both = np.concatenate([a, b])
    distance = np.abs(np.searchsorted(a, both, "right") / a.size - np.searchsorted(b, both, "right") / b.size).max()
    return bool(distance < 1.95 * math.sqrt(1 / a.size + 1 / b.size))


def truncated_cdf(x: Array, low: float, high: float) -> Array:
    """P(z ≤ x) of a standard normal between two bounds, of which one at least is not negative."""
    if low < 0:
        below = np.array([math.erf(v / math.sqrt(2)) for v in [low, high, *x]])
    else:
        below = -np.array([math.erfc(v / math.sqrt(2)) for v in [low, high, *x]])
    return (below[2:] - below[0]) / (below[1] - below[0])


CASES: list[tuple[str, dict[str, Any]]] = [
    ("uniform", {}),
    ("uniform", {"a": -3, "b": 2}),
    ("normal", {}),
    ("normal", {"mean": 2, "std": 0.02}),
    ("trunc_normal", {}),
    ("trunc_normal", {"std": 0.02}),
    ("trunc_normal", {"mean": 1, "std": 2, "a": -1, "b": 1.5}),
    ("trunc_normal", {"std": 1, "a": 1.5, "b": 4}),
    ("xavier_uniform", {}),
    ("xavier_uniform", {"gain": 3}),
    ("xavier_normal", {"gain": 0.5}),
    ("kaiming_uniform", {}),
    ("kaiming_uniform", {"a": math.sqrt(5)}),
    ("kaiming_normal", {"mode": "fan_out", "nonlinearity": "relu"}),
    ("kaiming_normal", {"nonlinearity": "tanh"}),
    ("kaiming_uniform", {"mode": "fan_out", "nonlinearity": "selu"}),
]


@pytest.mark.parametrize(("name", "args"), CASES, ids=str)
@pytest.mark.parametrize("shape", [CONV, LINEAR], ids=str)
def test_distribution_is_torchs(name: str, args: dict[str, Any], shape: tuple[int, ...]) -> None:
    ours = value(name, shape, **args)
    assert (ours.dtype, ours.shape) == (np.float32, shape)
    filler: Callable[..., Any] = getattr(nn.init, f"{name}_")
    theirs = filler(torch.empty(shape), generator=torch.Generator().manual_seed(0), **args).numpy()
    assert alike(ours, theirs)
    assert ours.std() == pytest.approx(theirs.std(), rel=0.02)
    tails = [np.quantile(sample, [0.001, 0.999]) for sample in (ours, theirs)]
    np.testing.assert_allclose(*tails, atol=0.25 * theirs.std())


@pytest.mark.parametrize(("name", "args"), [("zeros", {}), ("ones", {}), ("constant", {"val": -4.6})])
def test_constants(name: str, args: dict[str, float]) -> None:
    filler: Callable[..., Any] = getattr(nn.init, f"{name}_")
    np.testing.assert_array_equal(value(name, (3, 2), **args), filler(torch.empty(3, 2), **args).numpy())


@pytest.mark.parametrize("shape", [(20, 50), (50, 20), (8, 4, 3, 3), (64, 2, 3, 3)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    matrix = np.float64(value("orthogonal", shape, gain=2.0)).reshape(shape[0], -1)
    small = matrix @ matrix.T if shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-5)


@pytest.mark.parametrize("module", [nn.Linear(5, 7), nn.Conv2d(6, 8, (3, 5), groups=2), nn.ConvTranspose2d(6, 8, 3)])
def test_fans_are_torchs(module: nn.Module) -> None:
    weight = module.weight
    assert isinstance(weight, nn.Parameter)
    assert fans(tuple(weight.shape)) == nn.init._calculate_fan_in_and_fan_out(weight)


@pytest.mark.parametrize(
    ("low", "high"), [(-2, 2), (-100, 100), (-0.01, 0.02), (0, 0.1), (3, 4), (8, 50), (-9, -8), (1e-9, 1e-8), (0.5, 90)]
)
def test_truncated_normal_anywhere(low: float, high: float) -> None:
    drawn = truncated_standard_normal(np.random.default_rng(0), 20_000, low, high)
    assert drawn.shape == (20_000,)
    assert low <= drawn.min() <= drawn.max() <= high
    if high < 0:
        drawn, low, high = -drawn, -high, -low
    distance = np.abs(truncated_cdf(np.sort(drawn), low, high) - (np.arange(20_000) + 0.5) / 20_000).max()
    assert distance < 1.95 / math.sqrt(20_000)


def test_defaults_are_those_of_torchs_modules() -> None:
    b = Builder("net", [16, 9, 9])
    b.add("conv", "conv", 64, 3, groups=2)
    b.add("up", "conv_transpose", 32, 3)
    b.add("bn", "batch_norm")
    b.add("flatten", "flatten")
    b.add("fc", "linear", 40)
    graph = b.graph()
    ours, features = InitialValues(graph), b.nodes[-1].inputs[0].shape.numel
    torch.manual_seed(0)
    modules = nn.ModuleDict(
        {
            "conv": nn.Conv2d(16, 64, 3, groups=2),
            "up": nn.ConvTranspose2d(64, 32, 3),
            "bn": nn.BatchNorm2d(32),
            "fc": nn.Linear(features, 40),
        }
    )
    state = modules.state_dict()
    assert list(ours) == list(state)
    for key, theirs in state.items():
        assert ours[key].dtype == theirs.numpy().dtype
        assert ours[key].shape == tuple(theirs.shape)
        if key.startswith("bn"):
            np.testing.assert_array_equal(ours[key], theirs.numpy())
        else:
            assert alike(ours[key], theirs.numpy()), key


def test_values_depend_on_seed_and_key_alone() -> None:
    def graph(extra: bool) -> InitialValues:
        b = Builder("net", [3, 8, 8])
        if extra:
            b.add("first", "conv", 3, 1)
        b.add("a", "conv", 4, 3)
        return InitialValues(b.graph(), seed=5)

    small, large = graph(False), graph(True)
    np.testing.assert_array_equal(small["a.weight"], large["a.weight"])
    assert not np.array_equal(value("normal", (9,), 0), value("normal", (9,), 1))
    assert not np.array_equal(value("normal", (9,), key="a"), value("normal", (9,), key="b"))


# What seed 3 gave in archc 0.1.0.
PINNED = [0.4629496932029724, 0.23538708686828613, -0.5311830639839172, 0.4146193563938141]


def test_values_stay_the_same_from_version_to_version() -> None:
    drawn = [*value("uniform", (2,), 3, "conv1.weight"), *value("normal", (2,), 3, "conv1.weight")]
    np.testing.assert_allclose(drawn, PINNED, rtol=1e-6)


def test_rules_of_the_spec() -> None:
    b = Builder("net", [3, 8, 8])
    b.add("conv1", "conv", 4, 3)
    b.add("bn3", "batch_norm")
    b.add("pool", "global_avg_pool")
    b.add("flat", "flatten")
    b.add("fc", "linear", 2)
    rules = (
        InitRule(("conv", "linear"), None, "bias", Init.of("constant", val=1.0)),
        InitRule(("linear",), None, "weight", Init("zeros")),
        InitRule((), "*3.weight", "", Init.of("constant", val=2.0)),
        InitRule((), "fc.bias", "", Init.of("constant", val=-4.6)),
        InitRule((), "c.nv1.weight", "", Init("zeros")),  # a dot is a dot
    )
    values = InitialValues(b.graph(init=rules))
    np.testing.assert_array_equal(values["conv1.bias"], np.ones(4, np.float32))
    np.testing.assert_array_equal(values["fc.bias"], np.full(2, -4.6, np.float32))
    np.testing.assert_array_equal(values["fc.weight"], np.zeros((2, 4), np.float32))
    np.testing.assert_array_equal(values["bn3.weight"], np.full(4, 2, np.float32))
    assert values["conv1.weight"].any()
    assert values["bn3.num_batches_tracked"].dtype == np.int64


def test_what_cannot_be_initialised_so() -> None:
    with pytest.raises(
        WeightsError, match=r"`xavier_uniform` cannot initialise `bn\.weight`: it needs two axes or more"
    ):
        value("xavier_uniform", (4,), key="bn.weight")
    with pytest.raises(WeightsError, match="no initialiser `magic`"):
        value("magic", (4,))
    with pytest.raises(WeightsError, match="mode must be fan_in or fan_out"):
        value("kaiming_normal", (4, 4), mode="fan")
    with pytest.raises(WeightsError, match="std"):
        value("normal", (4,), std=-1.0)
