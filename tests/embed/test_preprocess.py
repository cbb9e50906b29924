"""Preprocessing within the model gives what torchvision's transforms of Pillow's images give.

Pillow scales rows, rounds to bytes, and scales columns. onnxruntime's kernel and the matrix products do the same with
other arithmetic, and decide some ties otherwise: by one level of 255, by two where both passes meet one. Pillow 13
takes columns first for some sizes; what it then clips in between is another.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

import archc
from archc.backends.onnx.embed.plan import Plan, plans
from tests.embed.pictures import (
    FORMS,
    applied,
    before_the_network,
    levels,
    noise,
    photographs,
    plan,
    rows_first,
    torchvision_s,
)
from tests.support.vision import import_torchvision
from tests.zoo.reference import NAMES

models = import_torchvision().models

forms = pytest.mark.parametrize("form", FORMS)
sides = st.integers(1, 700)
FEW = 16  # rows or columns: of fewer, one tie that is decided otherwise is a good part of the image


@cache
def session_of(form: str, size: int, resize: int, interpolation: str) -> tuple[Plan, onnxruntime.InferenceSession]:
    made = plan((size, size), resize=resize, interpolation=interpolation)
    return made, before_the_network(made, form)


def check(form: str, size: int, resize: int, interpolation: str, images: np.ndarray) -> None:
    made, session = session_of(form, size, resize, interpolation)
    found = session.run(None, {"x": images})[0]
    apart = levels(found, rows_first(size, resize, interpolation, images), made)
    assert found.dtype == np.float32
    assert apart.max() < 2.01
    if min(images.shape[1:3]) >= FEW:
        assert apart.mean() < 0.05


@forms
@settings(deadline=None, max_examples=40)
@given(
    height=sides, width=sides, count=st.integers(1, 2), seed=st.integers(0, 99),
    sizes=st.sampled_from([(224, 256), (64, 73), (32, 32), (40, 31), (33, 24)]),
    interpolation=st.sampled_from(["bilinear", "bicubic"]),
)  # fmt: skip
@example(height=1, width=1, count=1, seed=0, sizes=(224, 256), interpolation="bilinear")
@example(height=1, width=90, count=1, seed=0, sizes=(224, 256), interpolation="bicubic")
@example(height=1, width=51, count=1, seed=1, sizes=(33, 24), interpolation="bilinear")
@example(height=900, width=2, count=1, seed=0, sizes=(32, 32), interpolation="bicubic")
@example(height=256, width=257, count=2, seed=0, sizes=(224, 256), interpolation="bilinear")
@example(height=1600, width=1200, count=1, seed=0, sizes=(224, 256), interpolation="bicubic")
def test_images_of_any_size(
    form: str, height: int, width: int, count: int, seed: int, sizes: tuple[int, int], interpolation: str
) -> None:
    size, resize = sizes
    ratio = max(height, width) / min(height, width)
    if ratio > 100:  # such an image would be scaled to hundreds of megabytes, here and there
        height, width = min(height, 100), min(width, 100)
    check(form, size, resize, interpolation, noise(seed, count, height, width, 3))


@forms
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("name", ["china", "flower"])
def test_photographs(form: str, interpolation: str, name: str) -> None:
    made, session = session_of(form, 224, 256, interpolation)
    image = photographs()[name][None]
    for turned in (image, image.swapaxes(1, 2)):
        found = session.run(None, {"x": np.ascontiguousarray(turned)})[0]
        apart = levels(found, applied(torchvision_s(224, 256, interpolation), turned), made)
        assert apart.max() < 1.01
        assert (apart > 0.5).mean() < 0.01


@pytest.mark.parametrize("name", NAMES)
def test_every_network_of_torchvision(name: str) -> None:
    (made,) = plans(archc.compile(name).graph)
    asked = [weights.transforms() for weights in models.get_model_weights(name)]
    transform = next(
        t for t in asked
        if (t.crop_size[0], t.resize_size[0], t.interpolation.value) == (made.size[0], made.resize, made.interpolation)
    )  # fmt: skip
    image = photographs()["china"][None]
    found = _of_plan(replace(made, tensor=_NO_TENSOR)).run(None, {"x": image})[0]
    apart = levels(found, applied(transform, image), made)
    assert apart.max() < 1.01
    assert (apart > 0.5).mean() < 0.01


_NO_TENSOR = plan().tensor  # one for all, so that equal plans are one


@cache
def _of_plan(made: Plan) -> onnxruntime.InferenceSession:
    return before_the_network(made, "resize")


@forms
def test_a_batch_is_its_images(form: str) -> None:
    _, session = session_of(form, 64, 73, "bilinear")
    images = noise(3, 3, 90, 120, 3)
    together = session.run(None, {"x": images})[0]
    alone = [session.run(None, {"x": image[None]})[0][0] for image in images]
    np.testing.assert_array_equal(together, np.stack(alone))


@forms
def test_nothing_is_done_to_an_image_of_the_right_size(form: str) -> None:
    made, session = session_of(form, 32, 32, "bicubic")
    image = noise(0, 1, 32, 32, 3)
    found = session.run(None, {"x": image})[0][0]
    wanted = (image[0].transpose(2, 0, 1) / 255 - np.reshape([0.485, 0.456, 0.406], (3, 1, 1))) / np.reshape(
        [0.229, 0.224, 0.225], (3, 1, 1)
    )
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert made.resize == 32


@forms
@pytest.mark.parametrize(("height", "width"), [(30, 50), (50, 30), (9, 9), (31, 64)])
def test_nearest(form: str, height: int, width: int) -> None:
    """The pixel in which a centre lies; Pillow sums up steps, and misses it by a hair where it lies on an edge."""
    made = plan((24, 24), resize=26, interpolation="nearest", mean=0.0, std=1 / 255)
    image = noise(1, height, width, 3)
    scaled = [26 * side // min(height, width) for side in (height, width)]
    rows, columns = (
        [(2 * (i + round((wanted - 24) / 2)) + 1) * side // (2 * wanted) for i in range(24)]
        for side, wanted in zip((height, width), scaled, strict=True)
    )
    found = before_the_network(made, form).run(None, {"x": image[None]})[0][0]
    np.testing.assert_allclose(found, image[rows][:, columns].transpose(2, 0, 1), atol=1e-3)


@forms
def test_gray(form: str) -> None:
    made = plan((28, 28), channels=1, resize=32)
    image = noise(2, 2, 50, 41, 1)
    transform = torchvision_s(28, 32, mean=[0.5], std=[0.25])
    found = before_the_network(made, form).run(None, {"x": image})[0]
    assert levels(found, applied(transform, image), made).max() < 1.01


@forms
def test_bgr_networks_take_rgb_images_too(form: str) -> None:
    rgb, bgr = (before_the_network(plan((16, 16), resize=18, mean=0.0, color=c), form) for c in ("rgb", "bgr"))
    image = noise(5, 1, 20, 20, 3)
    found = bgr.run(None, {"x": image})[0] * np.reshape([0.229, 0.224, 0.225], (3, 1, 1))
    wanted = rgb.run(None, {"x": image})[0] * np.reshape([0.229, 0.224, 0.225], (3, 1, 1))
    np.testing.assert_allclose(found[:, ::-1], wanted, atol=1e-6)


@forms
@pytest.mark.parametrize(("height", "width"), [(20, 60), (60, 20), (31, 47), (24, 40), (240, 401)])
def test_without_resize_an_image_just_covers_the_input(form: str, height: int, width: int) -> None:
    """As `archc run` does it."""
    from archc.runtime.images import Preprocess

    said = {"range": [0, 1], "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2], "color": "rgb"}
    image = noise(6, height, width, 3)
    made = plan((24, 40), **said)
    found = before_the_network(made, form).run(None, {"x": image[None]})[0]
    theirs = Preprocess.of(said, (3, 24, 40))(Image.fromarray(image))[None]
    assert levels(found, theirs, made).max() < 1.01


@forms
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_it_ends_in_the_type_that_the_network_takes(form: str, dtype: str) -> None:
    made, session = session_of(form, 64, 73, "bilinear")
    image = noise(7, 1, 80, 80, 3)
    exact = session.run(None, {"x": image})[0]
    found = before_the_network(made, form, dtype).run(None, {"x": image})[0]
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, exact.astype(dtype))


def test_torchvision_s_own_tensors_differ_more() -> None:
    """What a level means: its transforms of tensors are farther from those of Pillow's images than ours are."""
    image = noise(8, 60, 80, 3)
    transform = torchvision_s(224, 256, "bicubic")
    of_tensor = transform(torch.from_numpy(image.transpose(2, 0, 1).copy())).numpy()
    made, session = session_of("resize", 224, 256, "bicubic")
    of_image = applied(transform, image[None])[0]
    ours = session.run(None, {"x": image[None]})[0][0]
    assert levels(ours, of_image, made).max() < levels(of_tensor, of_image, made).max()
