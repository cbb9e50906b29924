"""Image files to what a network takes, as `preprocess` of its spec says; without a hair's difference to torchvision.

Sizes follow torchvision.transforms.functional: `resize` is the shorter side's length, the longer is cut to an integer,
the crop is taken from the middle, its corner rounded half to even. Pillow scales, always with antialiasing.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps

from archc.runtime.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Pillow reads more, some by programs of others (PostScript); these it reads itself.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".pgm", ".ppm"))

NARROWEST = 200  # times that one side may be as long as the other
LARGEST = 8192  # pixels of a side that images are scaled to

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}
_MODES = {"rgb": "RGB", "bgr": "RGB", "gray": "L"}
_CHANNELS = {"rgb": 3, "bgr": 3, "gray": 1}
_COLORS = {1: "gray", 3: "rgb"}  # by the number of channels, where nothing is said


class ImageError(ModelError):
    """A file is no image, or a broken one."""


class _UnfitError(Exception):
    """An image that is not broken, and is of no use."""


@dataclass(frozen=True)
class Preprocess:
    """How pixels become an input of ``size`` (height, width).

    By channel ``(range[0] + v / 255 * (range[1] − range[0]) − mean) / std``. ``resize`` is the length of the shorter
    side before the crop; without it an image of another size is scaled so that it just covers the input.
    """

    size: tuple[int, int]
    color: str
    resize: int | None
    interpolation: str
    range: tuple[float, float]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, said: Mapping[str, Any], shape: tuple[int, int, int]) -> Preprocess:
        """Of the model's metadata and the input's shape, channels × height × width. Raises ModelError."""
        channels, height, width = shape
        color, how = said.get("color") or _COLORS.get(channels), said.get("interpolation", "bilinear")
        if color not in _MODES or channels != _CHANNELS[color]:
            raise ModelError(f"no image has the {channels} channels that the model takes", "give arrays: .npy or .npz")
        try:
            low, high = map(float, said.get("range", (0.0, 1.0)))
            mean, std = (_by_channel(said.get(name, by), channels) for name, by in (("mean", 0.0), ("std", 1.0)))
            resize = None if said.get("resize") is None else _side(int(said["resize"]))
        except (TypeError, ValueError) as e:
            raise ModelError(f"`preprocess` can't be read: {e}") from e
        if 0 in std:
            raise ModelError("`preprocess`: `std` is 0, and nothing can be divided by that")
        if how not in _FILTERS:
            raise ModelError(f"`preprocess`: there is no interpolation {how!r}", f"there are {', '.join(_FILTERS)}")
        return cls((height, width), color, resize, how, (low, high), mean, std)

    def __call__(self, image: Image.Image) -> NDArray[np.float32]:
        """float32, channels × height × width."""
        pixels = np.asarray(self._cropped(self._resized(image.convert(_MODES[self.color]))))
        channels = np.moveaxis(np.atleast_3d(pixels), -1, 0)
        if self.color == "bgr":
            channels = channels[::-1]
        return self._scaled(channels)

    def _resized(self, image: Image.Image) -> Image.Image:
        """Both sides scaled alike; the shorter one is `resize` long, or the image just covers the input."""
        width, height = image.size
        if self.resize is None:
            if (height, width) == self.size:
                return image
            scale = max(self.size[0] / height, self.size[1] / width)
            wanted = max(self.size[1], round(width * scale)), max(self.size[0], round(height * scale))
        elif width <= height:
            wanted = self.resize, int(self.resize * height / width)
        else:
            wanted = int(self.resize * width / height), self.resize
        return image if wanted == image.size else image.resize(wanted, _FILTERS[self.interpolation])

    def _cropped(self, image: Image.Image) -> Image.Image:
        """The middle; black is added where the image is smaller than the crop."""
        (high, wide), (width, height) = self.size, image.size
        if width < wide or height < high:
            left, top = max(wide - width, 0) // 2, max(high - height, 0) // 2
            right, bottom = (max(wide - width, 0) + 1) // 2, (max(high - height, 0) + 1) // 2
            image = ImageOps.expand(image, (left, top, right, bottom))
            width, height = image.size
        left, top = round((width - wide) / 2), round((height - high) / 2)
        return image.crop((left, top, left + wide, top + high))

    def _scaled(self, channels: NDArray[np.uint8]) -> NDArray[np.float32]:
        values = channels.astype(np.float32) / np.float32(255)
        low, high = self.range
        if (low, high) != (0.0, 1.0):
            values = np.float32(low) + values * np.float32(high - low)
        mean, std = (np.array(v, np.float32)[:, None, None] for v in (self.mean, self.std))
        return (values - mean) / std


def open_image(source: Path | BinaryIO) -> Image.Image:
    """The image in a file or a stream, upright and with 8 bits a channel: mode L, RGB or what converts to these.

    Raises ImageError.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of metadata that Pillow can't read, and of sizes below its limit
            with Image.open(source, formats=FORMATS) as file:
                _check_sides(*file.size)
                file.load()
                return _eight_bits(ImageOps.exif_transpose(file))
    except Exception as e:  # decoders raise what they please: OSError, SyntaxError, struct.error, ValueError …
        name = f"{source}:" if isinstance(source, Path) else "the image"
        raise ImageError(f"{name} {_reason(e)}") from e


def pixels(image: Image.Image, channels: int) -> NDArray[np.uint8]:
    """uint8, height × width × channels, for a model that takes images as they are."""
    return np.atleast_3d(np.asarray(image.convert(_MODES[_COLORS.get(channels, "rgb")])))


def _check_sides(width: int, height: int) -> None:
    """A shorter side is scaled to some hundred pixels, and the longer with it: a kilobyte of PNG can ask for 16 GiB."""
    if max(width, height) > NARROWEST * min(width, height):
        raise _UnfitError(f"has sides of which one is more than {NARROWEST} times as long as the other")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Transparency is dropped, as convolutional networks' own loaders do; deeper greys keep their upper bits."""
    if image.mode == "P":
        image = image.convert("RGBA")  # a palette may have transparent colours
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise _UnfitError(f"has 32 bits a channel (mode {image.mode}), whose range of values is not known")
    return image


def _reason(error: Exception) -> str:
    return next((say(error) for kind, say in _REASONS.items() if isinstance(error, kind)), f"is broken: {error}")


_REASONS: dict[type[Exception], Callable[[Exception], str]] = {
    _UnfitError: str,
    FileNotFoundError: lambda _: "there is no such file",
    IsADirectoryError: lambda _: "is a folder",
    PermissionError: lambda _: "permission denied",
    Image.UnidentifiedImageError: lambda _: f"is no image of a known format ({', '.join(FORMATS)})",
    Image.DecompressionBombError: lambda e: f"is too large: {e}",
}


def _side(pixels: int) -> int:
    """A side that an image is scaled to. Raises ValueError for what no memory would hold."""
    if not 1 <= pixels <= LARGEST:
        raise ValueError(f"`resize` is {pixels}, and not from 1 to {LARGEST:,}")
    return pixels


def _by_channel(value: float | list[float], channels: int) -> tuple[float, ...]:
    found = tuple(map(float, value)) if isinstance(value, list) else (float(value),) * channels
    if len(found) != channels:
        raise ValueError(f"{len(found)} numbers for {channels} channels")
    return found
