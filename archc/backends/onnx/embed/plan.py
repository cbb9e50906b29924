"""What is to happen to the images of an input, as the spec's `preprocess` says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archc.diagnostics.diagnostic import RequestError
from archc.graph.graph import Graph, Tensor


@dataclass(frozen=True)
class Plan:
    """From bytes to the input ``name`` of ``channels`` × ``size`` (height, width).

    ``resize`` is the length of the shorter side before the crop; without it an image is scaled so that it just covers
    the input. By channel the input is ``v * scale + shift`` of the byte ``v``. ``reverse``: images are RGB, and the
    network takes BGR.
    """

    tensor: Tensor
    name: str
    channels: int
    size: tuple[int, int]
    resize: int | None
    interpolation: str
    scale: tuple[float, ...]
    shift: tuple[float, ...]
    reverse: bool

    @classmethod
    def of(cls, name: str, tensor: Tensor, said: Mapping[str, Any]) -> Plan:
        """Of the checked `preprocess` of an input."""
        channels, height, width = tensor.shape.dims
        mean, std = (_by_channel(said[key], channels) for key in ("mean", "std"))
        low, high = said["range"]
        return cls(
            tensor, name, channels, (height, width), said.get("resize"), said["interpolation"],
            tuple((high - low) / 255 / s for s in std), tuple((low - m) / s for m, s in zip(mean, std, strict=True)),
            said.get("color") == "bgr",
        )  # fmt: skip


def plans(graph: Graph) -> list[Plan]:
    """For each input that `preprocess` speaks of. Raises RequestError where there is none, or it is no image."""
    said = _by_input(graph)
    if not said:
        raise RequestError(
            f"--with-preprocess: {graph.spec_name} does not say how images become its input",
            "say it in the spec: preprocess: {resize: 256, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]}",
        )
    for name in said:
        shape = graph.inputs[name].shape
        if len(shape.dims) != 3:
            raise RequestError(
                f"--with-preprocess: the input `{name}` is {shape}, no image",
                "an image has three sizes: channels, height and width",
            )
    return [Plan.of(name, graph.inputs[name], values) for name, values in said.items()]


def _by_input(graph: Graph) -> dict[str, Mapping[str, Any]]:
    """Input → its part of `preprocess`, which speaks of all inputs alike where it does not name them."""
    said = graph.preprocess
    if all(isinstance(value, Mapping) for value in said.values()):
        return {name: said[name] for name in graph.inputs if name in said}
    return dict.fromkeys(graph.inputs, said) if said else {}


def _by_channel(value: float | list[float], channels: int) -> list[float]:
    return list(value) if isinstance(value, list) else [value] * channels
