"""`preprocess` and `labels` are what torchvision's weights of a network ask for, and what they call the classes."""

from __future__ import annotations

import pytest

import archc
from tests.support.vision import import_torchvision
from tests.zoo.reference import NAMES

models = import_torchvision().models


@pytest.mark.parametrize("name", NAMES)
def test_preprocess_and_labels_are_torchvision_s(name: str) -> None:
    graph = archc.compile(name).graph
    (image,) = graph.inputs.values()
    given = graph.preprocess
    asked = [weights.transforms() for weights in models.get_model_weights(name)]  # of one file or more
    transforms = [t for t in asked if t.crop_size == list(image.shape.dims[1:2])]
    assert {"resize": given["resize"], "interpolation": given["interpolation"]} in [
        {"resize": t.resize_size[0], "interpolation": t.interpolation.value} for t in transforms
    ]
    assert (given["mean"], given["std"], given["color"]) == (transforms[0].mean, transforms[0].std, "rgb")
    assert graph.labels == {"logits": models.get_model_weights(name).DEFAULT.meta["categories"]}
