"""Image files to inputs: what torchvision's own transforms give, and every kind of file that a user has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import archc
from archc.runtime.errors import ModelError
from archc.runtime.images import ImageError, Preprocess, open_image, pixels
from tests.support.vision import import_torchvision

# One for each kind of `preprocess` in the library: sizes, bicubic, other means, a resize that is the crop.
NAMES = ("resnet50", "inception_v3", "convnext_tiny", "regnet_y_128gf", "efficientnet_v2_l", "efficientnet_b1")


def noise(width: int, height: int, channels: int = 3) -> Image.Image:
    rng = np.random.default_rng(width * height)
    array = rng.integers(0, 256, (height, width, channels), np.uint8)
    return Image.fromarray(array if channels > 1 else array[:, :, 0])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(500, 333), (333, 500), (224, 224), (640, 97), (301, 299)])
def test_numbers_are_torchvision_s_to_the_last_bit(name: str, size: tuple[int, int]) -> None:
    graph = archc.compile(name).graph
    (tensor,) = graph.inputs.values()
    channels, height, width = tensor.shape.dims
    asked = [w.transforms() for w in import_torchvision().models.get_model_weights(name)]
    transform = next(t for t in asked if [t.crop_size[0], t.resize_size[0]] == [height, graph.preprocess["resize"]])
    image = noise(*size)
    ours = Preprocess.of(graph.preprocess, (channels, height, width))(image)
    np.testing.assert_array_equal(ours, transform(image).numpy())


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 40), st.integers(1, 40), st.none() | st.integers(1, 50))
def test_any_image_becomes_the_input_s_size(width: int, height: int, wide: int, high: int, resize: int | None) -> None:
    if resize is not None and resize * max(width, height) // min(width, height) > 2000:
        resize = None
    said = {} if resize is None else {"resize": resize}
    assert Preprocess.of(said, (3, high, wide))(noise(width, height)).shape == (3, high, wide)


def test_without_resize_an_image_just_covers_the_input() -> None:
    exact = Preprocess.of({}, (3, 8, 8))
    np.testing.assert_array_equal(
        exact(noise(8, 8)), np.moveaxis(np.asarray(noise(8, 8)), -1, 0).astype(np.float32) / 255
    )
    halves = Image.new("RGB", (40, 20), (255, 0, 0))
    halves.paste((0, 255, 0), (20, 0, 40, 20))
    red, green, _ = exact(halves)
    assert red[:, :3].min() > 0.99 and green[:, 5:].min() > 0.99


def test_the_formula_of_the_language() -> None:
    image = Image.new("RGB", (4, 4), (0, 51, 255))
    said = {"range": [-1, 1], "mean": [0.5, 0, 0], "std": [0.5, 2, 1], "color": "bgr"}
    got = Preprocess.of(said, (3, 4, 4))(image)[:, 0, 0]
    np.testing.assert_allclose(got, [(1 - 0.5) / 0.5, (-0.6 - 0) / 2, -1], rtol=1e-6)


def test_one_number_is_for_all_channels() -> None:
    one, three = ({"mean": 0.5, "std": 0.25}, {"mean": [0.5] * 3, "std": [0.25] * 3})
    image = noise(9, 9)
    np.testing.assert_array_equal(*(Preprocess.of(said, (3, 9, 9))(image) for said in (one, three)))


def test_gray_networks_take_colour_images_and_colour_networks_gray_ones() -> None:
    gray = Preprocess.of({"mean": 0.1307, "std": 0.3081, "color": "gray"}, (1, 28, 28))(noise(28, 28))
    assert gray.shape == (1, 28, 28)
    red, green, blue = Preprocess.of({}, (3, 28, 28))(noise(28, 28, 1))
    assert (red == green).all() and (green == blue).all()


@pytest.mark.parametrize(
    ("said", "channels", "why"),
    [
        ({}, 4, "no image has the 4 channels"),
        ({"color": "rgb"}, 1, "no image has the 1 channels"),
        ({"mean": [1, 2]}, 3, "2 numbers for 3 channels"),
        ({"std": "wide"}, 3, "can't be read"),
        ({"range": [1]}, 3, "can't be read"),
        ({"std": [0.5, 0, 0.5]}, 3, "`std` is 0"),
        ({"resize": 0}, 3, "`resize` is 0, and not from 1"),
        ({"resize": 10**9}, 3, "`resize` is 1000000000, and not from 1"),
        ({"interpolation": "lanczos"}, 3, "no interpolation 'lanczos'"),
    ],
)
def test_what_can_t_be_done_is_said(said: dict[str, object], channels: int, why: str) -> None:
    with pytest.raises(ModelError, match=why):
        Preprocess.of(said, (channels, 8, 8))


@pytest.mark.parametrize("suffix", ["png", "webp", "bmp", "tiff", "ppm"])
def test_lossless_formats(tmp_path: Path, suffix: str) -> None:
    image = noise(7, 5)
    image.save(path := tmp_path / f"a.{suffix}", **({"lossless": True} if suffix == "webp" else {}))
    np.testing.assert_array_equal(np.asarray(open_image(path)), np.asarray(image))


def test_jpeg(tmp_path: Path) -> None:
    image = Image.new("RGB", (16, 16), (200, 30, 60))
    image.save(path := tmp_path / "a.JPG", "JPEG", quality=95)
    assert np.abs(np.asarray(open_image(path)).astype(int) - (200, 30, 60)).max() < 5


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_are_turned_upright(tmp_path: Path, orientation: int) -> None:
    """By the table of EXIF's tag 0x0112: how the stored rows and columns lie in the scene."""
    upright = np.asarray(noise(6, 4))
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.swapaxes(0, 1),
        6: np.rot90(upright), 7: upright.swapaxes(0, 1)[::-1, ::-1], 8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    image = Image.fromarray(np.ascontiguousarray(stored))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(path := tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(np.asarray(open_image(path)), upright)


def test_transparency_palettes_and_depth(tmp_path: Path) -> None:
    rgba = noise(6, 4, 4)
    rgba.save(tmp_path / "rgba.png")
    np.testing.assert_array_equal(pixels(open_image(tmp_path / "rgba.png"), 3), np.asarray(rgba)[:, :, :3])
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putdata([0, 1])
    palette.save(tmp_path / "p.png", transparency=b"\x00\xff")
    assert pixels(open_image(tmp_path / "p.png"), 3).tolist() == [[[10, 20, 30], [40, 50, 60]]]
    deep = Image.fromarray(np.array([[0, 0x80FF, 0xFFFF]], np.uint16))
    deep.save(tmp_path / "deep.png")
    assert pixels(open_image(tmp_path / "deep.png"), 1)[:, :, 0].tolist() == [[0, 0x80, 0xFF]]
    Image.new("1", (2, 2), 1).save(tmp_path / "bits.png")
    assert pixels(open_image(tmp_path / "bits.png"), 3).min() == 255
    Image.new("CMYK", (2, 2)).save(tmp_path / "print.jpg")
    assert pixels(open_image(tmp_path / "print.jpg"), 3).shape == (2, 2, 3)


def test_the_first_picture_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), color) for color in ((255, 0, 0), (0, 0, 255))]
    frames[0].save(path := tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert pixels(open_image(path), 3)[0, 0].tolist() == [255, 0, 0]


def test_what_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(ImageError, match=r"text\.png: is no image of a known format"):
        open_image(tmp_path / "text.png")
    with pytest.raises(ImageError, match="there is no such file"):
        open_image(tmp_path / "gone.png")
    Image.fromarray(np.ones((2, 2), np.float32)).save(tmp_path / "floats.tiff")
    with pytest.raises(ImageError, match="32 bits"):
        open_image(tmp_path / "floats.tiff")


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif", "bmp", "tiff", "ppm"])
def test_every_broken_file_is_an_error_that_names_it(tmp_path: Path, suffix: str) -> None:
    """Cut at many places, and with junk in the middle: it is read, or refused with its name, and nothing else."""
    noise(40, 30).save(path := tmp_path / f"a.{suffix}")
    whole = path.read_bytes()
    refused: list[str] = []
    for cut in range(0, len(whole), max(1, len(whole) // 25)):
        for data in (whole[:cut], whole[:cut] + b"\xff\x00junk" + whole[cut + 6 :]):
            path.write_bytes(data)
            try:
                open_image(path)
            except ImageError as e:
                refused.append(e.message)
    assert len(refused) > 10
    assert all(message.startswith(f"{path}: ") for message in refused)


def test_an_image_that_would_fill_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise(40, 30).save(path := tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    with pytest.raises(ImageError, match="is too large"):
        open_image(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # half the limit is a warning of Pillow's, and no error
    assert open_image(path).size == (40, 30)


def test_postscript_is_not_interpreted(tmp_path: Path) -> None:
    """Pillow would start Ghostscript."""
    (tmp_path / "a.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n")
    with pytest.raises(ImageError, match="no image of a known format"):
        open_image(tmp_path / "a.eps")
