"""What needs no pass, since it is emitted in the form that runtimes want: sums by twos, nothing for dropout."""

from __future__ import annotations

import pytest

from archc.backends.onnx.export import Export
from archc.backends.onnx.model import build
from tests.support.builder import Builder


@pytest.mark.parametrize(("op", "emitted"), [("add", "Add"), ("mul", "Mul")])
def test_joins_of_many_are_chains_of_two(op: str, emitted: str) -> None:
    b = Builder("net", [3, 4, 4])
    branches = [b.add(f"conv{i}", "conv", 3, 1, on=b.module_input) for i in range(4)]
    b.add("join", op, on=branches)
    nodes = build(b.graph(), export=Export.of("portable", only=[])).program.nodes
    joins = [node for node in nodes if node.layer == "join"]
    assert [(node.op_type, len(node.inputs)) for node in joins] == [(emitted, 2)] * 3


def test_layers_that_do_nothing_in_eval_mode_are_not_emitted() -> None:
    b = Builder("net", [3, 4, 4])
    b.add("conv", "conv", 3, 1)
    for name, op, *more in (("a", "dropout", 0.5), ("b", "drop_path", 0.1), ("c", "identity")):
        b.add(name, op, *more)
    b.add("pool", "adaptive_avg_pool", 4)  # the map is 4 × 4 already
    b.add("relu", "relu")
    nodes = build(b.graph(), export=Export.of("portable", only=[])).program.nodes
    assert [node.op_type for node in nodes] == ["Conv", "Relu"]


def test_a_concat_of_concats_is_written_as_one() -> None:
    b = Builder("net", [3, 4, 4])
    parts = [b.add(f"conv{i}", "conv", 2, 1, on=b.module_input) for i in range(3)]
    inner = b.add("inner", "concat", on=parts[:2])
    b.add("outer", "concat", on=[inner, parts[2]])
    b.add("relu", "relu")
    nodes = build(b.graph()).program.nodes
    assert [(node.name, len(node.inputs)) for node in nodes if node.op_type == "Concat"] == [("outer", 3)]
