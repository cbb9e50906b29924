"""Convolutions: ``conv`` and ``conv1d``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import gcd, prod, sqrt
from typing import TYPE_CHECKING, ClassVar

from archc.ops.base import Init, OnnxEmitter, Op, OpError, TorchModule, Weight, example, op, uniform
from archc.ops.kinds import Bool, Natural1, Natural2, Positive, Positive1, Positive2, compacted, written
from archc.ops.shape import Shape
from archc.ops.windows import extent, map_of, sized, slide, step

if TYPE_CHECKING:
    from archc.ops.base import Array

PYTORCH_START = Init.of("kaiming_uniform", a=sqrt(5))  # of the weights of convolutions and linear layers


def check_groups(op: Op, in_channels: int, out_channels: int, groups: int) -> None:
    """Both numbers of channels must be multiples of ``groups``. Raises OpError ``groups-indivisible``."""
    for channels, which in ((in_channels, "input"), (out_channels, "output")):
        if channels % groups:
            raise OpError(
                "groups-indivisible",
                f"`{op.name}` can't divide the {channels} channels of its {which} into {groups} groups",
                argument="groups",
                input=0 if which == "input" else None,
                found=f"{channels} / {groups} is not whole",
                help=f"groups={gcd(in_channels, out_channels, groups)} divides both {in_channels} and {out_channels}",
            )


def folded(
    values: Mapping[str, Array], weight: Array, scale: Array, shift: Array, per_filter: Array
) -> dict[str, Array]:
    """Weight and bias with y · scale + shift worked in; ``per_filter`` is ``scale`` in the weight's layout."""
    import numpy as np

    bias = np.asarray(values["bias"], np.float64) * scale if "bias" in values else 0.0
    # Multiplied in float64 and rounded on the way: six times faster than by way of whole float64 copies.
    product = np.multiply(weight, per_filter, out=np.empty_like(weight), dtype=np.float64, casting="same_kind")
    return {"weight": product, "bias": bias + np.asarray(shift, np.float64)}


@op("conv")
class Conv(Op):
    """2-d convolution (cross-correlation), as ``torch.nn.Conv2d``.

    y[o, i, j] = b[o] + Σ w[o, c, u, v] · x[c, s·i − p + d·u, s·j − p + d·v], over the channels c of o's group.
    Makes ⌊(H + 2p − d(k − 1) − 1) / s⌋ + 1 rows, and columns likewise.
    """

    out_channels: Positive
    kernel_size: Positive2
    stride: Positive2 = written(1)
    padding: Natural2 = written(0)
    dilation: Positive2 = written(1)
    groups: Positive = 1
    bias: Bool = True

    spatial: ClassVar[int] = 2
    module: ClassVar[str] = "nn.Conv2d"
    examples = (
        example(4, 3, on=[3, 6, 5]),
        example(6, 3, stride=2, padding=1, bias=False, on=[4, 7, 8]),
        example(8, [1, 5], padding=[0, 2], dilation=[2, 1], groups=4, on=[4, 5, 6]),
        example(6, 3, padding=2, dilation=2, groups=3, on=[3, 5, 5]),
        example(5, 1, stride=[2, 3], on=[2, 1, 4]),
    )

    def infer(self, *inputs: Shape) -> Shape:
        x = map_of(self, inputs, self.spatial)
        check_groups(self, x.channels, self.out_channels, self.groups)
        window = extent(self.kernel_size, self.dilation)
        return Shape((self.out_channels, *slide(self, x, window, self.stride, self.padding)))

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        shape = (self.out_channels, inputs[0].channels // self.groups, *self.kernel_size)
        weights = {"weight": Weight(shape, PYTORCH_START)}
        if self.bias:
            weights["bias"] = Weight((self.out_channels,), uniform(1 / sqrt(prod(shape[1:]))))
        return weights

    def macs(self, inputs: Sequence[Shape], output: Shape) -> int:
        return output.numel * inputs[0].channels // self.groups * prod(self.kernel_size)

    def window(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        return extent(self.kernel_size, self.dilation), self.stride, self.padding

    def torch(self, *inputs: Shape) -> TorchModule:
        args = {"in_channels": inputs[0].channels, **compacted(self.given())}
        return TorchModule(self.module, args, positional=3)

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        return self._onnx_conv(e, inputs[0], e.weight("weight"))

    def _onnx_conv(self, e: OnnxEmitter, x: str, weight: str) -> list[str]:
        return e.node(
            "Conv",
            [x, weight, e.weight("bias")] if e.has("bias") else [x, weight],
            kernel_shape=list(self.kernel_size),
            strides=list(self.stride),
            pads=[*self.padding, *self.padding],
            dilations=list(self.dilation),
            group=self.groups,
        )

    def absorb_affine(
        self, values: Mapping[str, Array], scale: Array, shift: Array, *, output: Shape | None = None
    ) -> dict[str, Array] | None:
        weight = values["weight"]
        return folded(values, weight, scale, shift, scale.reshape(-1, *[1] * (weight.ndim - 1)))

    def summary(self) -> str:
        groups = f" g{self.groups}" if self.groups > 1 else ""
        strides = step("/", self.stride, 1) + step("p", self.padding, 0) + step("d", self.dilation, 1)
        return f"{self.name} {sized(self.kernel_size)}{strides}{groups}"


@op("conv1d")
class Conv1d(Conv):
    """1-d convolution over a sequence, as ``torch.nn.Conv1d``.

    y[o, i] = b[o] + Σ w[o, c, u] · x[c, s·i − p + d·u], over the channels c of o's group.
    """

    kernel_size: Positive1
    stride: Positive1 = written(1)
    padding: Natural1 = written(0)
    dilation: Positive1 = written(1)

    spatial = 1
    module = "nn.Conv1d"
    examples = (
        example(4, 3, on=[3, 7]),
        example(4, 3, stride=2, padding=2, dilation=2, groups=2, bias=False, on=[4, 8]),
    )
