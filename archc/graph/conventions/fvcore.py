"""As fvcore 0.1.5 counts "flops" (https://github.com/facebookresearch/fvcore), a multiply-add being one.

By the operators of a trace: convolutions and linear layers without their biases, norms, upsampling, and adaptive
pooling.
"""

from __future__ import annotations

from collections.abc import Callable

from archc.graph.conventions import Layer, positions

PRINTED = "flops"


def count(layer: Layer) -> int:
    """Flops of one layer, of one sample."""
    return _RULES[layer.called](layer) if layer.called in _RULES else 0


def _conv(layer: Layer) -> int:
    return layer.parameters["weight"] * positions(layer.output)


def _conv_transpose(layer: Layer) -> int:
    return layer.parameters["weight"] * positions(layer.input)


def _linear(layer: Layer) -> int:
    return layer.input.numel * layer.output.dims[-1]


def _blur(layer: Layer) -> int:
    return layer.output.numel * layer.arguments["size"] ** 2


def _norm(layer: Layer) -> int:
    return layer.input.numel * (5 if "weight" in layer.parameters else 4)


def _batch_norm(layer: Layer) -> int:
    if layer.training or not layer.arguments["track_running_stats"]:
        return _norm(layer)
    return layer.input.numel * (2 if "weight" in layer.parameters else 1)


def _resize(layer: Layer) -> int:
    return layer.output.numel * {"nearest": 1, "bilinear": 4}.get(layer.arguments["mode"], 0)


def _adaptive_pool(layer: Layer) -> int:
    return layer.input.numel


_RULES: dict[str, Callable[[Layer], int]] = {
    **dict.fromkeys(("nn.Conv1d", "nn.Conv2d", "StdConv2d"), _conv),
    "nn.ConvTranspose2d": _conv_transpose,
    "nn.Linear": _linear,
    "BlurPool2d": _blur,
    **dict.fromkeys(("nn.BatchNorm1d", "nn.BatchNorm2d"), _batch_norm),
    **dict.fromkeys(("nn.GroupNorm", "nn.LayerNorm", "LayerNorm2d"), _norm),
    **dict.fromkeys(("nn.Upsample", "nn.functional.interpolate"), _resize),
    "nn.AdaptiveAvgPool2d": _adaptive_pool,
}
