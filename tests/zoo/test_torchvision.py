"""Networks with torchvision's weights give what torchvision's networks give: bit for bit in PyTorch, near in ONNX.

The tests of one network stand together and share its weights, so that only one of the large ones is in memory.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

import archc
from tests.support.vision import import_torchvision
from tests.zoo.reference import FIGURES, HUGE, NAMES, Pair, by_name, images, torchvision_model


@pytest.fixture(scope="module", params=[name for name in NAMES if name not in HUGE])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    yield Pair.of(request.param)
    gc.collect()


def test_keys_shapes_and_types_stand_in_torchvision_s_order(pair: Pair) -> None:
    theirs = [(key, value.shape, value.dtype) for key, value in pair.theirs.state_dict().items()]
    ours = [(key, value.shape, value.dtype) for key, value in pair.ours.state_dict().items()]
    assert ours == theirs
    assert [entry.key for entry in pair.network.graph.state] == [key for key, _, _ in theirs]


@pytest.mark.parametrize("name", HUGE)
def test_state_dict_of_a_huge_network_stands_in_torchvision_s_order(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parameters = import_torchvision().models.regnet.BlockParams
    computed = torch.device("cpu")(parameters.from_init_params)  # which reads the numbers of its tensors
    monkeypatch.setattr(parameters, "from_init_params", computed)
    with torch.device("meta"):
        theirs = torchvision_model(name).state_dict()
    state = archc.compile(name).graph.state
    ours = [(entry.key, torch.Size(entry.weight.shape), getattr(torch, entry.weight.dtype)) for entry in state]
    assert ours == [(key, value.shape, value.dtype) for key, value in theirs.items()]


def test_eval_is_bit_equal(pair: Pair) -> None:
    x = images(pair.name, 2)
    with torch.inference_mode():
        expected, given = by_name(pair.theirs.eval()(x)), by_name(pair.ours.eval()(x))
    assert given.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(given[name], tensor), name


def test_train_is_bit_equal_with_auxiliary_heads_and_batch_norm_statistics(pair: Pair) -> None:
    x = images(pair.name, 2)
    with torch.no_grad():
        torch.manual_seed(1)
        expected = by_name(pair.theirs.train()(x))
        torch.manual_seed(1)
        given = by_name(pair.ours.train()(x))
    assert list(given) == list(expected)
    for name, tensor in expected.items():
        assert torch.equal(given[name], tensor), name
    buffers = dict(pair.ours.named_buffers())
    for name, buffer in pair.theirs.named_buffers():
        assert torch.equal(buffers[name], buffer), name


def test_onnx_is_near_at_several_batches(pair: Pair, tmp_path: Path) -> None:
    path = tmp_path / f"{pair.name}.onnx"
    pair.network.onnx(path, weights={key: value.numpy() for key, value in pair.theirs.state_dict().items()})
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (x,) = session.get_inputs()
    assert x.shape[0] == "N" and isinstance(x.shape[1], int)
    for batch in (1, 2, 5):
        image = torch.randn(batch, *x.shape[1:], generator=torch.Generator().manual_seed(batch))
        with torch.inference_mode():
            expected = pair.theirs.eval()(image).numpy()
        (given,) = session.run(None, {x.name: image.numpy()})
        assert given.shape == expected.shape
        assert np.linalg.norm(given - expected) <= 1e-5 * np.linalg.norm(expected), f"batch {batch}"
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
