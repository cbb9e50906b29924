"""Width multipliers, and the stem of old MNASNet files, of the mobile families: as torchvision's classes take them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archc
from tests.support.vision import import_torchvision
from tests.zoo.reference import perturb_batch_norms

models = import_torchvision().models
INPUT = [3, 64, 64]

SCALED: dict[str, tuple[str, float, Callable[[], nn.Module]]] = {
    "mobilenet_v2, 0.35": ("mobilenet_v2", 0.35, lambda: models.mobilenet_v2(width_mult=0.35)),
    "mobilenet_v2, 1.4, a wider last convolution": ("mobilenet_v2", 1.4, lambda: models.mobilenet_v2(width_mult=1.4)),
    "mobilenet_v3_large, 0.75": ("mobilenet_v3_large", 0.75, lambda: models.mobilenet_v3_large(width_mult=0.75)),
    "mobilenet_v3_small, 1.25": ("mobilenet_v3_small", 1.25, lambda: models.mobilenet_v3_small(width_mult=1.25)),
    "mnasnet, 0.35": ("mnasnet1_0", 0.35, lambda: models.MNASNet(0.35)),
}


def _images() -> Tensor:
    return torch.randn(2, *INPUT, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("case", SCALED)
def test_a_width_multiplier_scales_as_torchvision_s(case: str) -> None:
    name, width, make = SCALED[case]
    torch.manual_seed(0)
    theirs = make().eval()
    perturb_batch_norms(theirs)
    ours = archc.compile(name, input=INPUT, width=width).module().eval()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict(), strict=True)
    with torch.inference_mode():
        assert torch.equal(ours(_images()), theirs(_images()))


@pytest.mark.parametrize("name", ["mnasnet0_5", "mnasnet0_75", "mnasnet1_3"])
def test_mnasnet_without_a_scaled_stem_is_what_torchvision_makes_of_an_old_file(name: str) -> None:
    """torchvision tells an old file by the version in its metadata, and then builds the stem anew."""
    torch.manual_seed(0)
    ours = archc.compile(name, input=INPUT, scaled_stem=False).module().eval()
    perturb_batch_norms(ours)
    state: Any = ours.state_dict()
    state._metadata[""]["version"] = 1
    theirs = getattr(models, name)(weights=None).eval()
    with pytest.warns(UserWarning, match="saved using the previous version"):
        theirs.load_state_dict(state, strict=True)
    with torch.inference_mode():
        assert torch.equal(ours(_images()), theirs.eval()(_images()))
