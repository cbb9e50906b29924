"""Weights that are no numbers: written as they are, told by their names, and never rounded to integers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archc
from archc.backends.init import InitialValues
from archc.backends.onnx.precision.errors import Loss

Change = Callable[[Any], Any]
SPEC = """\
name: net
input: [3, 8, 8]
body:
  conv: conv(4, 3)
  norm: batch_norm
  relu: relu
  pool: max_pool(3, dilation=2, padding=1)
head:
  flatten: flatten
  fc: linear(3)
"""
CASES: Mapping[str, tuple[str, Change, list[str]]] = {
    "nothing": ("fc.bias", lambda v: v, []),
    "a NaN": ("fc.weight", lambda v: np.where(np.arange(v.size).reshape(v.shape) == 7, np.nan, v), ["fc.weight"]),
    "infinite": ("fc.bias", lambda v: v + np.inf, ["fc.bias"]),
    "both infinities": ("fc.bias", lambda v: np.inf * np.array([1, -1, 1]), ["fc.bias"]),
    "large, and no more": ("fc.weight", lambda v: np.full_like(v, 3e38), []),
    "a negative variance": ("norm.running_var", lambda v: v - 2, ["conv.weight", "conv.bias"]),
    "a mean that is none": ("norm.running_mean", lambda v: v * np.nan, ["conv.bias"]),
}  # fmt: skip


@pytest.fixture
def network(tmp_path: Path) -> archc.Network:
    (tmp_path / "net.yaml").write_text(SPEC)
    return archc.compile(tmp_path / "net.yaml")


def changed(network: archc.Network, key: str, change: Change) -> dict[str, Any]:
    values = InitialValues(network.graph, 0)
    state = {entry.key: np.array(values[entry.key]) for entry in network.graph.state}
    return {**state, key: np.asarray(change(state[key]), np.float32)}


@pytest.mark.parametrize("external", [None, 1], ids=["one file", "external data"])
@pytest.mark.parametrize("case", CASES)
def test_they_are_told(case: str, external: int | None, network: archc.Network, tmp_path: Path) -> None:
    key, change, told = CASES[case]
    weights = changed(network, key, change)
    report = network.onnx(tmp_path / "net.onnx", weights=weights, external_data_from=external)
    assert list(report.not_finite) == told
    if told:
        with pytest.raises(archc.RequestError, match=rf"`{re.escape(told[0])}` has numbers that are NaN or infinite"):
            network.onnx(tmp_path / "int8.onnx", weights=weights, profile="cpu-int8", calibrate="random")


def test_what_overflows_in_half_precision_is_measured() -> None:
    exact, rounded = np.ones((1, 3)), np.array([[1, 2, np.inf]])
    loss = Loss()
    loss.see(exact, rounded)
    loss.see_classes(exact, rounded)
    assert (loss.sqnr, loss.agreeing, loss.classified) == (-np.inf, 0, 1)
    loss.see(rounded, exact)
    assert np.isnan(loss.sqnr)
