"""As ptflops 0.7 counts "MACs" with its default back end (https://github.com/sovrasov/flops-counter.pytorch).

It hooks modules by their exact class, and functions of ``torch.nn.functional`` too, so that a module which calls such a
function (a ReLU, a pooling) counts twice.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from archc.graph.conventions import Layer, positions

PRINTED = "MACs"

Rule = Callable[[Layer], "int | float"]


def count(layer: Layer) -> int:
    """MACs of one layer, of one sample; of a fraction (an odd size, upsampled by 1.5) the whole part."""
    return int(sum(rule(layer) for rule in (_MODULES.get(layer.called), _FUNCTIONS.get(layer.called)) if rule))


def _conv(layer: Layer) -> int:
    bias = layer.output.numel if "bias" in layer.parameters else 0
    return layer.parameters["weight"] * positions(layer.output) + bias


def _conv_transpose(layer: Layer) -> int:
    bias = layer.output.numel if "bias" in layer.parameters else 0
    return layer.parameters["weight"] * positions(layer.input) + bias


def _linear(layer: Layer) -> int:
    return (layer.parameters["weight"] + layer.parameters.get("bias", 0)) * prod(layer.input.dims[:-1])


def _affine_norm(layer: Layer) -> int:
    return layer.input.numel * (2 if layer.arguments["affine"] else 1)


def _local_response_norm(layer: Layer) -> int:
    """A square, an average over channels that were padded, a product and a sum, all by functions that it knows."""
    padded = layer.input.dims[0] + layer.arguments["size"] - 1
    return 3 * layer.input.numel + padded * positions(layer.input)


def _numel(layer: Layer) -> int:
    return layer.input.numel


def _upsampled(layer: Layer) -> int | float:
    factor = layer.arguments["scale_factor"]
    if isinstance(factor, tuple | list):
        return layer.input.numel * prod(int(f) for f in factor)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return layer.input.numel * factor**2


_MODULES: dict[str, Rule] = {
    **dict.fromkeys(("nn.Conv1d", "nn.Conv2d"), _conv),
    "nn.ConvTranspose2d": _conv_transpose,
    "nn.Linear": _linear,
    **dict.fromkeys(("nn.BatchNorm1d", "nn.BatchNorm2d", "nn.GroupNorm"), _affine_norm),
    **dict.fromkeys(("nn.ReLU", "nn.PReLU", "nn.ELU", "nn.LeakyReLU", "nn.ReLU6", "nn.GELU"), _numel),
    **dict.fromkeys(("nn.MaxPool2d", "nn.AvgPool2d", "nn.AdaptiveAvgPool2d", "nn.LayerNorm"), _numel),
    "nn.Upsample": lambda layer: layer.output.numel,
}
# What the forward of a module calls, or the written source itself.
_FUNCTIONS: dict[str, Rule] = {
    **dict.fromkeys(("nn.ReLU", "nn.PReLU", "nn.ELU", "nn.GELU", "nn.SiLU", "nn.Softmax"), _numel),
    **dict.fromkeys(("nn.MaxPool2d", "nn.AvgPool2d", "nn.AdaptiveAvgPool2d"), _numel),
    "nn.LocalResponseNorm": _local_response_norm,
    "nn.Upsample": _upsampled,
    "nn.functional.interpolate": lambda layer: layer.output.numel,
}
