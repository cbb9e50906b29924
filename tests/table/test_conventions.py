"""Counts by another tool's convention are what that tool prints, op by op and for whole networks."""

from __future__ import annotations

import pytest
import torch

import archc
from archc.graph.conventions import CONVENTIONS, recounted
from archc.graph.cost import cost
from archc.graph.graph import Mode
from archc.ops import OPS
from tests.support.builder import Builder
from tests.support.ops import Case, cases, executed
from tests.support.peers import COUNTERS, MODES

CASES = [
    pytest.param(case, id=f"{name}-{i}")
    for name in sorted(OPS)
    for i, case in enumerate(cases(name))
    if case.on and all(shape.batched for shape in case.on)
]
NETWORKS = ["alexnet", "densenet121", "googlenet", "resnet18", "squeezenet1_0", "unet"]


def counted(case: Case, convention: str, mode: Mode) -> int:
    builder = Builder("one", {f"x{i}": shape.dims for i, shape in enumerate(case.on)})
    given = builder.add("layer", case.op, on=list(builder.inputs.values()))
    outputs = {f"y{i}": t for i, t in enumerate(given if isinstance(given, list) else [given])}
    return recounted(cost(builder.graph(outputs), mode), convention).total.macs


def runs(case: Case, mode: Mode) -> bool:
    """A batch norm has no variance in training over one number a channel."""
    return mode == "eval" or case.op.name != "batch_norm" or len(case.on[0].dims) > 1


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("case", CASES)
def test_an_op_counts_as_the_tool_counts_it(case: Case, convention: str) -> None:
    for mode in (m for m in MODES[convention] if runs(case, m)):
        module = executed(case.op.torch(*case.on)).train(mode == "train")
        assert counted(case, convention, mode) == COUNTERS[convention](module, case.inputs(batch=1), mode), mode


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_counts_as_the_tool_counts_its_module(name: str, convention: str) -> None:
    network = archc.compile(name)
    module, (image,) = network.module(), network.graph.inputs.values()
    for mode in MODES[convention]:
        table = network.table(mode=mode, convention=convention)
        expected = COUNTERS[convention](module, [torch.randn(1, *image.shape.dims)], mode)
        assert table.cost.total.macs == table.data()["total"]["macs"] == expected, mode
        assert sum(row.macs for row in table.rows if row.level == 1) == expected


def test_the_batch_does_not_multiply_them() -> None:
    network = archc.compile("resnet18")
    one, five = (network.table(convention="torchinfo", batch=n).cost.total.macs for n in (1, 5))
    assert one == five
