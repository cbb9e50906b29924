"""Convolution with standardised weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod, sqrt
from typing import TYPE_CHECKING, Annotated

from archc.ops.base import ONES, Extra, OnnxEmitter, Saved, TorchModule, Weight, example, op
from archc.ops.conv import Conv, folded
from archc.ops.kinds import NonNegative, number, optional
from archc.ops.shape import Shape

if TYPE_CHECKING:
    from archc.ops.base import Array

_HELPER = '''
class StdConv2d(nn.Conv2d):
    """Convolution with filters of mean 0 and variance 1, times gain * gamma / sqrt(fan-in) where gamma is given."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        eps: float = 1e-6,
        gamma: float | None = None,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias)
        self.eps = eps
        self.scale = 1.0 if gamma is None else gamma * self.weight[0].numel() ** -0.5
        self.gain = None if gamma is None else nn.Parameter(torch.ones(out_channels, 1, 1, 1))

    def forward(self, input: Tensor) -> Tensor:
        variance, mean = torch.var_mean(self.weight, dim=(1, 2, 3), correction=0, keepdim=True)
        weight = (self.weight - mean) * torch.rsqrt(variance + self.eps)
        if self.gain is not None:
            weight = weight * (self.gain * self.scale)
        return self._conv_forward(input, weight, self.bias)
'''.strip()


@op("std_conv")
class StdConv(Conv):
    """Convolution whose filters are standardised: ŵ = (w − mean) / √(variance + eps) by filter, the variance biased.

    With ``gamma``, ŵ is multiplied by gain · gamma / √fan-in, ``gain`` being a weight, one a filter.
    Weight standardisation: Qiao et al., arXiv:1903.10520; scaled: Brock et al., arXiv:2101.08692, section 4.
    """

    eps: NonNegative = 1e-6
    gamma: Annotated[float | None, optional(number())] = None

    examples = (
        example(4, 3, padding=1, on=[3, 5, 4]),
        example(4, 3, stride=2, groups=2, bias=False, eps=1e-5, gamma=1.7, on=[4, 7, 7]),
        example(3, [1, 3], gamma=1.0, on=[2, 4, 4]),
    )

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        gain = {} if self.gamma is None else {"gain": Weight((self.out_channels, 1, 1, 1), ONES)}
        return super().weights(*inputs) | gain

    def _filters(self, inputs: Sequence[Shape]) -> tuple[Extra, Extra]:
        """All filters, and one number for each."""
        shape = self.weights(*inputs)["weight"].shape
        return Extra(Shape(shape, batched=False)), Extra(Shape(shape[:1], batched=False))

    def saves(self, inputs: Sequence[Shape], needs: Sequence[bool]) -> Saved:
        filters, numbers = self._filters(inputs)
        # Centred filters, deviations, and their product; with a gain its multiple, and what that multiplies.
        gain = () if self.gamma is None else (numbers, filters)
        return Saved((0,), extras=(filters, numbers, filters, *gain))

    def scratch(self, inputs: Sequence[Shape]) -> Sequence[Extra]:
        filters, numbers = self._filters(inputs)
        return filters, numbers, numbers

    def torch(self, *inputs: Shape) -> TorchModule:
        call = super().torch(*inputs)
        return TorchModule("StdConv2d", call.args, call.positional, helper=_HELPER)

    def _standardised(self, values: Mapping[str, Array]) -> Array:
        """The filters that the convolution is done with, in float64."""
        import numpy as np

        weight = np.asarray(values["weight"], np.float64)
        axes = (1, 2, 3)
        weight = (weight - weight.mean(axes, keepdims=True)) / np.sqrt(weight.var(axes, keepdims=True) + self.eps)
        if self.gamma is None:
            return weight
        return weight * np.asarray(values["gain"], np.float64) * (self.gamma / sqrt(prod(weight.shape[1:])))

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        # In a file for inference the filters are fixed: they are standardised here, once.
        if e.has("filters"):
            return self._onnx_conv(e, inputs[0], e.weight("filters"))
        values = {name: e.value(name) for name in ("weight", "gain") if e.has(name)}
        return self._onnx_conv(e, inputs[0], e.constant(self._standardised(values)))

    def absorb_affine(
        self, values: Mapping[str, Array], scale: Array, shift: Array, *, output: Shape | None = None
    ) -> dict[str, Array] | None:
        plain = folded(values, self._standardised(values), scale, shift, scale.reshape(-1, 1, 1, 1))
        return {"filters": plain["weight"], "bias": plain["bias"]}
