"""Every example of every op as a network of its own, through the whole compiler: table, PyTorch, ONNX."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnxruntime as ort
import pytest
import torch
from torch import Tensor

import archc
from archc.ops import OPS, Shape
from tests.support.ops import Case, cases, executed, full, load, random_weights, relative_error, run_torch

TOLERANCE = 1e-5

# A network has an input and an output.
CASES = [
    pytest.param(case, id=f"{name}-{i}")
    for name in sorted(OPS)
    for i, case in enumerate(cases(name))
    if case.results and any(shape.batched for shape in case.on)
]


def spec(case: Case) -> str:
    """A network of the op alone, whose outputs are y0, y1 …; a parameter among the inputs is a child before it."""
    names = [f"x{i}" if shape.batched else f"p{i}" for i, shape in enumerate(case.on)]
    inputs = [f"  {n}: {list(s.dims)}" for n, s in zip(names, case.on, strict=True) if s.batched]
    parameters = [f"  {n}: parameter({list(s.dims)})" for n, s in zip(names, case.on, strict=True) if not s.batched]
    arguments = ", ".join(f"{name}={_text(value)}" for name, value in case.op.given().items())
    many = isinstance(case.op.infer(*case.on), list)
    outputs = [f"  y{i}: 'y[{i}]'" if many else "  y0: y" for i in range(len(case.results))]
    layer = f"  y <- {', '.join(names)}: {case.op.name}({arguments})"
    return "\n".join(["name: alone", "input:", *inputs, "body:", *parameters, layer, "outputs:", *outputs, ""])


def _text(value: Any) -> str:
    return repr(list(value)) if isinstance(value, tuple) else repr(value)


@pytest.fixture
def network(case: Case, tmp_path: Path) -> archc.Network:
    path = tmp_path / "alone.yaml"
    path.write_text(spec(case), encoding="utf-8")
    return archc.compile(path)


def state(case: Case) -> dict[str, Tensor]:
    """By state_dict key: the op's own weights, and the parameters it reads."""
    own = {f"y.{name}" if name else "y": value for name, value in random_weights(case).items()}
    parameters = {f"p{i}": x for i, x in enumerate(case.inputs()) if not case.on[i].batched}
    return {**parameters, **own}


def given(case: Case) -> dict[str, Tensor]:
    return {f"x{i}": x for i, x in enumerate(case.inputs()) if case.on[i].batched}


def expected(case: Case, *, training: bool = False) -> list[Tensor]:
    torch.manual_seed(0)
    module = load(executed(case.op.torch(*case.on)), random_weights(case)).train(training)
    return list(run_torch(module, case.inputs()))


@pytest.mark.parametrize("case", CASES)
def test_the_graph_has_the_op_with_its_shapes(case: Case, network: archc.Network) -> None:
    node = network.graph.nodes[-1] if case.op.name != "tuple" else None
    assert node is None or (node.op, node.weights) == (case.op, case.weights)
    assert [t.shape for t in network.graph.outputs.values()] == case.results


@pytest.mark.parametrize("case", CASES)
def test_the_table_counts_what_the_op_declares(case: Case, network: archc.Network) -> None:
    total = network.table().data()["total"]
    read = sum(shape.numel for shape in case.on if not shape.batched)
    learned = sum(torch.Size(w.shape).numel() for w in case.weights.values() if not w.buffer)
    assert total["params"] == learned + read
    assert total["macs"] == case.op.macs(case.on, case.results[0])


@pytest.mark.parametrize("case", CASES)
def test_onnx_computes_what_the_op_does(case: Case, network: archc.Network, tmp_path: Path) -> None:
    weights = {key: value.numpy() for key, value in state(case).items()}
    network.onnx(tmp_path / "alone.onnx", weights=weights)
    session = ort.InferenceSession(tmp_path / "alone.onnx", providers=["CPUExecutionProvider"])
    found = session.run(None, {name: x.numpy() for name, x in given(case).items()})
    assert [output.name for output in session.get_outputs()] == [f"y{i}" for i in range(len(case.results))]
    for a, b in zip(found, expected(case), strict=True):
        assert relative_error(a, b) <= TOLERANCE


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("case", CASES)
def test_the_generated_module_computes_what_the_op_does(case: Case, network: archc.Network, mode: str) -> None:
    module = network.module()
    weights = state(case)
    assert list(module.state_dict()) == list(weights)
    module.load_state_dict(weights)
    inputs = given(case)
    before = {name: x.clone() for name, x in inputs.items()}
    torch.manual_seed(0)
    with torch.no_grad():
        outputs = module.train(mode == "train")(*inputs.values())
    found = list(outputs.values()) if isinstance(outputs, Mapping) else [outputs]
    assert [tuple(y.shape) for y in found] == [full(shape, 3) for shape in case.results]
    for a, b in zip(found, expected(case, training=mode == "train"), strict=True):
        assert torch.equal(a, b)
    assert all(torch.equal(x, before[name]) for name, x in inputs.items()), "the module wrote into its input"


def test_the_cases_hold_joins_of_parameters_and_lists() -> None:
    kinds = [p.values[0] for p in CASES]
    assert any(not s.batched for case in kinds for s in case.on)
    assert any(len(case.results) > 1 for case in kinds)
    assert Shape((3, 1, 1), batched=False) in {s for case in kinds for s in case.on}
