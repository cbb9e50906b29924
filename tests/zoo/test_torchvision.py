"""Networks with torchvision's weights give what torchvision's networks give: bit for bit in PyTorch, near in ONNX.

The tests of one network stand together and share its weights, so that only one of the large ones is in memory.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

import archc
from tests.support.vision import on_meta
from tests.zoo.reference import FIGURES, HUGE, NAMES, Pair, by_name, images, torchvision_model
from tests.zoo.table import EXACT

_LARGE = [pytest.mark.slow, pytest.mark.huge]
Record = Callable[[str, str], None]


@pytest.fixture(scope="module", params=[pytest.param(n, marks=_LARGE if n in HUGE else ()) for n in NAMES])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    yield Pair.of(request.param)
    gc.collect()


@pytest.fixture
def record(pair: Pair, record_property: Callable[[str, object], None]) -> Record:
    """``record(kind, cell)``: a cell of the table in specs/README.md."""
    return lambda kind, cell: record_property("zoo", {"network": pair.name, "kind": kind, "cell": cell})


def worst(given: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> str:
    """The largest difference, or that every number is the same."""
    assert given.keys() == expected.keys()
    if all(torch.equal(given[name], tensor) for name, tensor in expected.items()):
        return EXACT
    differences = [(given[name].double() - tensor.double()).abs().max().item() for name, tensor in expected.items()]
    return f"{max(differences):.1e}"


def test_keys_shapes_and_types_stand_in_torchvision_s_order(pair: Pair, record: Record) -> None:
    theirs = [(key, value.shape, value.dtype) for key, value in pair.theirs.state_dict().items()]
    ours = [(key, value.shape, value.dtype) for key, value in pair.ours.state_dict().items()]
    record("keys", f"{sum(a == b for a, b in zip(ours, theirs, strict=False))}/{max(len(ours), len(theirs))}")
    assert ours == theirs
    assert [entry.key for entry in pair.network.graph.state] == [key for key, _, _ in theirs]


@pytest.mark.parametrize("name", HUGE)
def test_state_dict_of_a_huge_network_stands_in_torchvision_s_order(name: str) -> None:
    with on_meta():
        theirs = torchvision_model(name).state_dict()
    state = archc.compile(name).graph.state
    ours = [(entry.key, torch.Size(entry.weight.shape), getattr(torch, entry.weight.dtype)) for entry in state]
    assert ours == [(key, value.shape, value.dtype) for key, value in theirs.items()]


def test_eval_is_bit_equal(pair: Pair, record: Record) -> None:
    x = images(pair.name, 2)
    with torch.inference_mode():
        difference = worst(by_name(pair.ours.eval()(x)), by_name(pair.theirs.eval()(x)))
    record("eval", difference)
    assert difference == EXACT


def test_train_is_bit_equal_with_auxiliary_heads_and_batch_norm_statistics(pair: Pair, record: Record) -> None:
    x = images(pair.name, 2)
    with torch.no_grad():
        torch.manual_seed(1)
        expected = by_name(pair.theirs.train()(x))
        torch.manual_seed(1)
        given = by_name(pair.ours.train()(x))
    assert list(given) == list(expected)
    statistics = (dict(model.named_buffers()) for model in (pair.ours, pair.theirs))
    difference = worst(*(outputs | buffers for outputs, buffers in zip((given, expected), statistics, strict=True)))
    record("train", difference)
    assert difference == EXACT


def test_onnx_is_near_at_several_batches(pair: Pair, record: Record, tmp_path: Path) -> None:
    path = tmp_path / f"{pair.name}.onnx"
    pair.network.onnx(path, weights={key: value.numpy() for key, value in pair.theirs.state_dict().items()})
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (x,) = session.get_inputs()
    assert x.shape[0] == "N" and isinstance(x.shape[1], int)
    differences: list[float] = []
    for batch in (1, 2, 5):
        image = torch.randn(batch, *x.shape[1:], generator=torch.Generator().manual_seed(batch))
        with torch.inference_mode():
            expected = pair.theirs.eval()(image).numpy()
        (given,) = session.run(None, {x.name: image.numpy()})
        assert given.shape == expected.shape
        differences.append(float(np.linalg.norm(given - expected) / np.linalg.norm(expected)))
    record("onnx", f"{max(differences):.1e}")
    assert max(differences) <= 1e-5, differences
    del session
    for file in path.parent.iterdir():
        file.unlink()


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_input_of_imagenet_s_statistics_is_rescaled_as_in_torchvision(name: str) -> None:
    torch.manual_seed(0)
    theirs = torchvision_model(name, transform_input=True, aux_logits=False).eval()
    ours = archc.compile(name, transform_input=True, aux=False).module().eval()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x = torch.randn(1, *FIGURES[name]["input"])
    with torch.inference_mode():
        torch.testing.assert_close(by_name(ours(x))["logits"], theirs(x), rtol=1e-5, atol=1e-6)
