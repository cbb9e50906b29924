"""Pictures to test with, and the part of a model before the network by itself."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from archc.backends.onnx.embed.plan import Plan
from archc.backends.onnx.embed.preprocess import EmbedPreprocess
from archc.backends.onnx.lower import OPSET
from archc.backends.onnx.model import model_of
from archc.backends.onnx.passes.base import run_on_program
from archc.backends.onnx.profiles import CPU
from archc.backends.onnx.program import OnnxNode, Program, TensorType
from archc.graph.graph import Tensor as GraphTensor
from archc.ops.shape import Shape
from tests.support.vision import import_torchvision

import_torchvision()

from torchvision.transforms import InterpolationMode  # noqa: E402
from torchvision.transforms._presets import ImageClassification  # noqa: E402

FORMS = {"resize": CPU, "products": None}  # the two ways of scaling, by a provider that they are for
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}

Images = NDArray[np.uint8]


@cache
def photographs() -> dict[str, Images]:
    """Two of 427 × 640, by name: a building under a sky, and a flower."""
    from sklearn.datasets import load_sample_images  # here: what runs on a GPU does without

    return dict(zip(("china", "flower"), map(np.asarray, load_sample_images().images), strict=True))


def noise(seed: int, *shape: int) -> Images:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def plan(size: tuple[int, int] = (224, 224), channels: int = 3, **said: Any) -> Plan:
    """By the keys of `preprocess`, ImageNet's means and deviations where nothing else is said."""
    defaults = {
        "range": [0, 1],
        "interpolation": "bilinear",
        **(IMAGENET if channels == 3 else {"mean": 0.5, "std": 0.25}),
    }
    return Plan.of("x", GraphTensor(Shape((channels, *size))), {**defaults, **said})


def before_the_network(plan: Plan, form: str, dtype: str = "float32") -> onnxruntime.InferenceSession:
    """Preprocessing, with nothing after it: `x` to `y`."""
    type = TensorType(("N", plan.channels, *plan.size), dtype)
    program = Program([OnnxNode("Identity", ["x"], ["y"], name="y")], [], {"x": type}, {"y": type}, {}, OPSET)
    run_on_program(EmbedPreprocess([plan], FORMS[form]), program)
    return session(model_of(program, "preprocess").proto().SerializeToString())


def session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=[CPU])


def torchvision_s(size: int, resize: int, interpolation: str = "bilinear", **said: Any) -> ImageClassification:
    """What torchvision's weights document, for images of Pillow."""
    how = InterpolationMode(interpolation)
    return ImageClassification(crop_size=size, resize_size=resize, interpolation=how, **{**IMAGENET, **said})


def applied(transform: Any, images: Images) -> NDArray[np.float32]:
    """A transform of one image, to each of a batch N × H × W × C."""
    made: list[Tensor] = [
        transform(Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image)) for image in images
    ]
    return torch.stack(made).numpy()


def rows_first(size: int, resize: int, interpolation: str, images: Images) -> NDArray[np.float32]:
    """As ``torchvision_s``, rows scaled before columns: Pillow 13 turns the order round for some sizes."""
    rest = torchvision_s(size, resize)  # which finds the shorter side as it should be
    filter = getattr(Image.Resampling, interpolation.upper())
    high, wide = images.shape[1:3]
    width, height = (resize, int(resize * high / wide)) if wide <= high else (int(resize * wide / high), resize)

    def transform(image: Image.Image) -> Tensor:
        return rest(image.resize((width, high), filter).resize((width, height), filter))

    return applied(transform, images)


def levels(ours: NDArray[Any], theirs: NDArray[Any], plan: Plan) -> NDArray[np.float64]:
    """By how many of the 256 levels of a byte each number differs."""
    scale = np.array(plan.scale)[:, None, None]
    return np.abs(ours.astype(np.float64) - theirs.astype(np.float64)) / np.abs(scale)
