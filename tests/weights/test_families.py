"""A file that torchvision's network of each family would save loads strictly, and gives what torchvision gives."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import archc
from archc.compiler import SpecFile
from archc.language.files import load
from tests.weights.files import network
from tests.zoo.reference import FIGURES, MODELS, by_name, images, input_shape

FAMILIES = {path.stem: [v for v in SpecFile(path, load(path)).variants if v in FIGURES] for path in MODELS.iterdir()}
SMALLEST = [min(names, key=lambda n: FIGURES[n]["params"]) for _, names in sorted(FAMILIES.items()) if names]


def test_every_network_of_torchvision_is_of_some_family() -> None:
    assert sorted(name for names in FAMILIES.values() for name in names) == sorted(FIGURES)


@pytest.mark.parametrize("name", SMALLEST)
def test_a_checkpoint_of_torchvision_s_loads_strictly(name: str, tmp_path: Path) -> None:
    theirs, path = network(name), tmp_path / f"{name}-0123abcd.pth"
    torch.save(theirs.state_dict(), path)
    net = archc.compile(name, input=input_shape(name))
    loaded = net.load_weights(path)
    assert loaded.report.ok and len(loaded.report.loaded) == FIGURES[name]["keys"]
    assert loaded.notes == [] and loaded.network is net
    ours = net.module(weights=path).eval()
    for key, value in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[key], value), key
    x = images(name, 1)
    with torch.inference_mode():
        expected, given = by_name(theirs(x)), by_name(ours(x))
    for key, value in expected.items():
        assert torch.equal(given[key], value), key
    path.unlink()
