"""A fixed number around a map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from archc.ops.base import OnnxEmitter, Op, OpError, Reach, TorchModule, example, op
from archc.ops.kinds import Float, compact, size
from archc.ops.shape import Shape
from archc.ops.windows import map_of


@op("pad")
class Pad(Op):
    """``value`` around a map: ``padding`` is [left, right, top, bottom], or one integer for all. ``nn.ConstantPad2d``.

    A negative padding crops. Raises OpError("rank-mismatch"), OpError("window-too-large") where
    nothing is left.
    """

    padding: Annotated[tuple[int, ...], size(4, least=None)]
    value: Float = 0.0

    keeps_input = False
    examples = (
        example([0, 1, 0, 1], on=[3, 4, 5]),
        example(2, on=[3, 4, 5]),
        example([1, 2, 3, 0], value=-1.5, on=[3, 4, 5]),
        example([-1, 1, 0, -2], on=[3, 4, 5]),
    )

    def infer(self, *inputs: Shape) -> Shape:
        x = map_of(self, inputs)
        left, right, top, bottom = self.padding
        channels, height, width = x.dims
        padded = Shape((channels, height + top + bottom, width + left + right))
        if min(padded.spatial) < 1:
            raise OpError(
                "window-too-large",
                "`pad` crops away the whole map",
                argument="padding",
                found=f"{x} would become {padded}",
            )
        return padded

    def reach(self, inputs: Sequence[Shape], output: Shape) -> Sequence[Reach | None]:
        left, _, top, _ = self.padding
        return [Reach(0), Reach(1, start=-top), Reach(2, start=-left)]

    def torch(self, *inputs: Shape) -> TorchModule:
        padding = compact(self.padding)
        if self.value == 0.0:
            return TorchModule("nn.ZeroPad2d", {"padding": padding}, positional=1)
        return TorchModule("nn.ConstantPad2d", {"padding": padding, "value": self.value}, positional=2)

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        if not any(self.padding):
            return list(inputs)
        left, right, top, bottom = self.padding
        pads = e.constant([0, 0, top, left, 0, 0, bottom, right], "int64")
        return e.node("Pad", [inputs[0], pads, e.constant(self.value)])

    def summary(self) -> str:
        return f"pad {','.join(map(str, self.padding))}"
