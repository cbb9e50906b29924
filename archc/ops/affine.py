"""Multiplication and addition of fixed numbers: scale, channel_affine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

from archc.ops.activation import Activation
from archc.ops.base import Extra, OnnxEmitter, Op, OpError, TorchExpression, TorchModule, example, op
from archc.ops.kinds import Float, list_of, number
from archc.ops.shape import Shape
from archc.ops.windows import batched

if TYPE_CHECKING:
    from archc.ops.base import Array

SCALE = '''\
class Scale(nn.Module):
    """Multiplies by a fixed number."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor

    def extra_repr(self) -> str:
        return f"{self.factor}"
'''

CHANNEL_AFFINE = '''\
class ChannelAffine(nn.Module):
    """Multiplies each channel by a fixed number and adds another."""

    scale: Tensor
    shift: Tensor

    def __init__(self, scale: tuple[float, ...], shift: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("scale", torch.tensor(scale), persistent=False)
        self.register_buffer("shift", torch.tensor(shift), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        shape = (-1,) + (1,) * (x.dim() - 2)
        return x * self.scale.view(shape) + self.shift.view(shape)
'''


@op("scale")
class Scale(Activation):
    """``factor`` · x, a fixed number. Keeps the shape."""

    factor: Float

    keeps_input = False
    examples = (example(0.1, on=[3, 4, 5]), example(factor=-2, on=[7]))

    def torch(self, *inputs: Shape) -> TorchExpression:
        return TorchExpression(f"{{0}} * {self.factor!r}", atom=False)

    def torch_module(self, *inputs: Shape) -> TorchModule:
        return TorchModule("Scale", {"factor": self.factor}, positional=1, helper=SCALE)

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        return e.node("Mul", [inputs[0], e.constant(self.factor)])

    def summary(self) -> str:
        return f"scale {self.factor:g}"


_NUMBERS = list_of(number(), "numbers, one a channel")


@op("channel_affine")
class ChannelAffine(Op):
    """``scale`` · x + ``shift``, with one fixed number of each for every channel.

    Keeps the shape; has no key in the state_dict. Raises OpError("shape-mismatch") where a list
    has not as many numbers as there are channels.
    """

    scale: Annotated[tuple[float, ...], _NUMBERS]
    shift: Annotated[tuple[float, ...], _NUMBERS]

    keeps_input = False
    examples = (
        example([0.458, 0.448, 0.45], [-0.03, -0.088, -0.188], on=[3, 4, 5]),
        example(scale=[1, 2], shift=[0, 0.5], on=[2]),
    )

    def infer(self, *inputs: Shape) -> Shape:
        x = batched(self, inputs)
        for name, values in (("scale", self.scale), ("shift", self.shift)):
            if len(values) != x.channels:
                raise OpError(
                    "shape-mismatch",
                    f"`{name}` of `channel_affine` needs one number for each channel",
                    argument=name,
                    found=f"{len(values)} of them, for {x.channels} channels",
                )
        return x

    def torch(self, *inputs: Shape) -> TorchModule:
        return TorchModule(
            "ChannelAffine", {"scale": self.scale, "shift": self.shift}, positional=2, helper=CHANNEL_AFFINE
        )

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        scale, shift = (self._by_channel(e, v, shapes[0]) for v in (self.scale, self.shift))
        return e.node("Add", [*e.node("Mul", [inputs[0], scale]), shift])

    @staticmethod
    def _by_channel(e: OnnxEmitter, values: Sequence[float], x: Shape) -> str:
        """A constant that is broadcast over height and width."""
        import numpy as np

        return e.constant(np.asarray(values, np.float32).reshape(-1, *[1] * len(x.spatial)))

    def scratch(self, inputs: Sequence[Shape]) -> Sequence[Extra]:
        return (Extra(inputs[0]),)  # the product, before the sum

    def as_affine(self, values: Mapping[str, Array]) -> tuple[Array, Array] | None:
        import numpy as np

        return np.asarray(self.scale, np.float64), np.asarray(self.shift, np.float64)
