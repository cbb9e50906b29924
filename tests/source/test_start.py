"""Every initialiser, by ops and by patterns: the written module and numpy start as ``torch.nn.init`` does."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import archc
from archc.backends.init import InitialValues
from archc.network import Network
from tests.support.samples import Sample, differs

NETWORK = """
name: net
input: [16, 12, 12]
params: {num_classes: 40, gain: 2}
body:
  conv: conv(64, 3, groups=2)
  up: conv_transpose(48, 2)
  pool: global_avg_pool
  flat: flatten
  fc: linear(num_classes)
init:
"""
WEIGHTS = {"conv": (64, 8, 3, 3), "up": (64, 48, 2, 2), "fc": (40, 48)}
OPS = {"conv": "conv", "up": "conv_transpose", "fc": "linear"}

INITIALISERS: dict[str, dict[str, Any]] = {
    "zeros": {},
    "ones": {},
    "constant": {"val": -4.5},
    "uniform": {"a": -0.25, "b": 0.5},
    "normal": {"mean": 0.125, "std": 0.02},
    "trunc_normal": {"std": 0.5, "a": -0.5, "b": 1.0},
    "xavier_uniform": {"gain": 0.5},
    "xavier_normal": {},
    "kaiming_uniform": {"a": 1},
    "kaiming_normal": {"mode": "fan_out", "nonlinearity": "relu"},
    "orthogonal": {"gain": 2},
}


def compiled(folder: Path, init: str, **params: Any) -> Network:
    path = folder / "net.yaml"
    path.write_text(NETWORK + "".join(f"  {line}\n" for line in init.splitlines()), encoding="utf-8")
    return archc.compile(path, **params)


def starts(network: Network, key: str, *, draws: int = 8) -> list[Sample]:
    """The numbers of a weight, of the module and of numpy."""
    torch.manual_seed(0)
    modules = [network.module().state_dict()[key].numpy() for _ in range(draws)]
    numpys = [np.asarray(InitialValues(network.graph, seed)[key]) for seed in range(draws)]
    return [np.concatenate([v.ravel() for v in values]) for values in (modules, numpys)]


def filled(name: str, shape: tuple[int, ...], args: dict[str, Any]) -> Sample:
    """The numbers that torch gives."""
    draw = torch.Generator().manual_seed(1)
    filler: Callable[..., torch.Tensor] = getattr(nn.init, f"{name}_")
    seeded = {} if name in ("zeros", "ones", "constant") else {"generator": draw}
    return np.concatenate([filler(torch.empty(shape), **args, **seeded).numpy().ravel() for _ in range(8)])


def text(name: str, args: dict[str, Any]) -> str:
    written = ", ".join(f"{k}={v!r}".replace("'", '"') for k, v in args.items())
    return f"{name}({written})"


@pytest.mark.parametrize("key", ["ops", "pattern"])
@pytest.mark.parametrize(("name", "args"), INITIALISERS.items(), ids=INITIALISERS)
def test_each_initialiser(key: str, name: str, args: dict[str, Any], tmp_path: Path) -> None:
    keys = "conv, conv_transpose, linear" if key == "ops" else '"*.weight"'
    network = compiled(tmp_path, f"{keys}: {text(name, args)}")
    for layer, shape in WEIGHTS.items():
        expected = filled(name, shape, args)
        for sample in starts(network, f"{layer}.weight"):
            assert differs(sample, expected) is None


# fan-in and fan-out of each layer, counted by hand; a transposed convolution's as torch counts them
FANS = {"conv": (8 * 9, 64 * 9), "up": (48 * 4, 64 * 4), "fc": (48, 40)}

Meaning = Callable[[int, int], tuple[str, dict[str, float]]]


def constant(val: float) -> tuple[str, dict[str, float]]:
    return "constant", {"val": val}


FORMULAS: dict[str, Meaning] = {
    "normal(std=sqrt(gain / fan_out))": lambda i, o: ("normal", {"std": math.sqrt(2 / o)}),
    "uniform(-1 / sqrt(fan_in), 1 / sqrt(fan_in))": lambda i, o: ("uniform", {"a": -(i**-0.5), "b": i**-0.5}),
    "uniform(-fan_in ** -0.5, 0)": lambda i, o: ("uniform", {"a": -(i**-0.5), "b": 0}),
    "trunc_normal(std=0.1, b=9 / (fan_in + fan_out))": lambda i, o: ("trunc_normal", {"std": 0.1, "b": 9 / (i + o)}),
    "xavier_normal(gain=sqrt(fan_in / 100))": lambda i, o: ("xavier_normal", {"gain": math.sqrt(i / 100)}),
    "constant(fan_in if fan_in < fan_out else -fan_out)": lambda i, o: constant(i if i < o else -o),
    "constant(round(log2(fan_in) * 4) // 2 % 5)": lambda i, o: constant(round(math.log2(i) * 4) // 2 % 5),
    "constant(min(fan_in, 99) ** 2 / max([fan_out, 99]))": lambda i, o: constant(min(i, 99) ** 2 / max(o, 99)),
    "constant(log(fan_in, base=fan_out))": lambda i, o: constant(math.log(i, o)),
    "constant(float(fan_in > 50 and fan_out in [40, 576]) - 3)": lambda i, o: constant(-2 if i == 72 else -3),
    "constant(fan_in - sum([gain * n for n in range(3)]))": lambda i, o: constant(i - 6),
}


def check(network: Network, weight: str, meaning: Meaning, *, draws: int) -> None:
    """Compares the weight of all layers with what torch gives at their fans."""
    shapes = {entry.key: entry.weight.shape for entry in network.graph.state}
    for layer, fans in FANS.items():
        name, args = meaning(*fans)
        for sample in starts(network, f"{layer}.{weight}", draws=draws):
            assert differs(sample, filled(name, shapes[f"{layer}.{weight}"], args)) is None


@pytest.mark.parametrize("formula", FORMULAS)
def test_expressions_over_fans(formula: str, tmp_path: Path) -> None:
    network = compiled(tmp_path, f"conv, conv_transpose, linear: '{formula}'")
    check(network, "weight", FORMULAS[formula], draws=1 if "constant" in formula else 4)


@pytest.mark.parametrize("weight", ["weight", "bias"])
@pytest.mark.parametrize("by", ["ops", "one op", "pattern", "key"])
@pytest.mark.parametrize("formula", list(FORMULAS)[:2])
def test_fans_are_those_of_the_layer(formula: str, by: str, weight: str, tmp_path: Path) -> None:
    keys = {"ops": ["conv, conv_transpose, linear"], "one op": list(OPS.values()), "pattern": [f"'*.{weight}'"]}
    lines = [f"{k}: '{formula}'" if "." in k else f"{k}: {{{weight}: '{formula}'}}" for k in keys.get(by, [])]
    network = compiled(tmp_path, "\n".join(lines or [f"{layer}.{weight}: '{formula}'" for layer in FANS]))
    check(network, weight, FORMULAS[formula], draws=2)


def test_the_class_heeds_another_number_of_classes(tmp_path: Path) -> None:
    network = compiled(tmp_path, "linear: {weight: constant(1 / fan_out), bias: constant(fan_in + fan_out)}")
    fc = type(network.module())(num_classes=7).fc
    assert isinstance(fc, nn.Linear)
    assert torch.equal(fc.weight, torch.full((7, 48), 1 / 7))
    assert torch.equal(fc.bias, torch.full((7,), 55.0))
    again = compiled(tmp_path, "linear: constant(1 / fan_out)", num_classes=7)
    assert np.unique(InitialValues(again.graph)["fc.weight"]).tolist() == [np.float32(1 / 7)]


def test_what_the_module_holds_is_what_numpy_gives(tmp_path: Path) -> None:
    """Rules over one another, of constants, so that the two can be compared exactly."""
    rules = [
        "conv, linear: {weight: constant(fan_in), bias: constant(fan_out)}",
        "'c*.weight': constant(fan_in + fan_out)",
        "linear: {weight: constant(-fan_out)}",
        "'*.bias': constant(fan_in / fan_out)",
        "conv_transpose: {weight: constant(fan_out // 7), bias: constant(0.5)}",
    ]
    network = compiled(tmp_path, "\n".join(rules))
    values = InitialValues(network.graph)
    state = network.module().state_dict()
    assert list(state) == list(values)
    for key, tensor in state.items():
        np.testing.assert_array_equal(tensor.numpy(), values[key], err_msg=key)
    assert [float(v.ravel()[0]) for v in values.values()] == [648.0, 0.125, 36.0, 0.5, -40.0, np.float32(1.2)]
