"""ResNet-50 with a feature pyramid is torchvision's backbone of Faster R-CNN: keys, all five maps, ONNX."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

import archc
from archc.network import Network
from tests.support.samples import differs
from tests.support.vision import import_torchvision
from tests.zoo.reference import perturb_batch_norms

MAPS = ("0", "1", "2", "3", "pool")


def _torchvision_backbone(norm: type[nn.Module]) -> nn.Module:
    import_torchvision()
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

    return resnet_fpn_backbone(backbone_name="resnet50", weights=None, norm_layer=norm, trainable_layers=5)


@pytest.fixture(scope="module")
def theirs() -> nn.Module:
    torch.manual_seed(0)
    model = _torchvision_backbone(nn.BatchNorm2d)
    perturb_batch_norms(model)
    return model


@pytest.fixture(scope="module")
def network() -> Network:
    return archc.compile("resnet50_fpn", input=[3, 96, 160])


@pytest.fixture(scope="module")
def ours(network: Network, theirs: nn.Module) -> nn.Module:
    model = network.module()
    model.load_state_dict(theirs.state_dict(), strict=True)
    return model


def test_keys_shapes_and_types_stand_in_torchvision_s_order(ours: nn.Module, theirs: nn.Module) -> None:
    expected = [(key, value.shape, value.dtype) for key, value in theirs.state_dict().items()]
    assert [(key, value.shape, value.dtype) for key, value in ours.state_dict().items()] == expected


# A coarse map need not be half of the fine one: 7 x 10 comes of 13 x 19, and is brought up to it.
@pytest.mark.parametrize("size", [(96, 160), (100, 150)])
@pytest.mark.parametrize("train", [False, True])
def test_the_five_maps_are_bit_equal(ours: nn.Module, theirs: nn.Module, size: tuple[int, int], *, train: bool) -> None:
    x = _image(2, size)
    with torch.no_grad():
        expected, given = theirs.train(train)(x), ours.train(train)(x)
    assert list(given) == list(expected) == list(MAPS)
    for name, tensor in expected.items():
        assert torch.equal(given[name], tensor), name
    buffers = dict(ours.named_buffers())
    assert all(torch.equal(buffers[name], buffer) for name, buffer in theirs.named_buffers())


def test_gradients_agree(ours: nn.Module, theirs: nn.Module) -> None:
    x = _image(1, (64, 64))
    for model in (theirs, ours):
        model.zero_grad()
        sum(tensor.square().mean() for tensor in model.eval()(x).values()).backward()
    for (key, given), expected in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert given.grad is not None and expected.grad is not None, key
        assert (given.grad - expected.grad).norm() <= 1e-4 * expected.grad.norm(), key


def test_onnx_is_near_at_several_batches(network: Network, theirs: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "fpn.onnx"
    network.onnx(path, weights={key: value.numpy() for key, value in theirs.state_dict().items()})
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == list(MAPS)
    for batch in (1, 2, 5):
        x = _image(batch, (96, 160))
        with torch.inference_mode():
            expected = theirs.eval()(x)
        for name, given in zip(MAPS, session.run(None, {session.get_inputs()[0].name: x.numpy()}), strict=True):
            wanted = expected[name].numpy()
            assert given.shape == wanted.shape
            assert np.linalg.norm(given - wanted) <= 1e-5 * np.linalg.norm(wanted), f"{name}, batch {batch}"


def test_weights_of_frozen_batch_norms_give_the_same_maps(ours: nn.Module, theirs: nn.Module) -> None:
    """torchvision's detectors freeze their batch norms, which then count no batches: those entries alone are new."""
    frozen = _torchvision_backbone(import_torchvision().ops.FrozenBatchNorm2d)
    state = theirs.state_dict()
    unfrozen = {key for key in state if key.endswith(".num_batches_tracked")}
    assert [key for key in state if key not in unfrozen] == list(frozen.state_dict())
    frozen.load_state_dict({key: value for key, value in state.items() if key not in unfrozen}, strict=True)
    ours.load_state_dict(state, strict=True)
    x = _image(1, (64, 64))
    with torch.inference_mode():
        expected, given = frozen.eval()(x), ours.eval()(x)
    for name, tensor in expected.items():
        assert (given[name] - tensor).norm() <= 1e-5 * tensor.norm(), name


def test_weights_start_as_torchvision_s() -> None:
    torch.manual_seed(1)
    theirs = _torchvision_backbone(nn.BatchNorm2d).state_dict()
    ours = archc.compile("resnet50_fpn").module().state_dict()
    assert not {key: why for key in theirs if (why := differs(ours[key].numpy(), theirs[key].numpy()))}


def _image(batch: int, size: tuple[int, int]) -> Tensor:
    return torch.randn(batch, 3, *size, generator=torch.Generator().manual_seed(batch))
