"""PReLU: a leaky ReLU whose slope is learned."""

from __future__ import annotations

from collections.abc import Sequence

from archc.ops.base import Init, OnnxEmitter, Op, OpError, TorchModule, Weight, example, op
from archc.ops.kinds import Float, Positive
from archc.ops.shape import Shape
from archc.ops.windows import batched


@op("prelu")
class Prelu(Op):
    """x where it is positive, else ``weight`` · x, with one slope for all channels or one for each.

    Keeps the shape. Raises OpError("shape-mismatch") where ``num_parameters`` is neither 1 nor the number of channels.
    ``nn.PReLU``; He et al. 2015.
    """

    num_parameters: Positive = 1
    init: Float = 0.25

    examples = (example(on=[3, 4, 5]), example(3, init=0.1, on=[3, 4, 5]), example(7, on=[7]))

    def infer(self, *inputs: Shape) -> Shape:
        x = batched(self, inputs)
        if self.num_parameters not in (1, x.channels):
            raise OpError(
                "shape-mismatch",
                "`num_parameters` of `prelu` must be 1 or the number of channels",
                argument="num_parameters",
                found=f"this is {self.num_parameters}, the input has {x.channels} channels",
                help=f"write 1 or {x.channels}",
            )
        return x

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        return {"weight": Weight((self.num_parameters,), Init.of("constant", val=self.init))}

    def torch(self, *inputs: Shape) -> TorchModule:
        return TorchModule("nn.PReLU", self.given())

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        spatial = len(shapes[0].spatial)
        if self.num_parameters == 1 or not spatial:
            return e.node("PRelu", [inputs[0], e.weight("weight")])
        # ONNX broadcasts from the right, so the slopes of a map need its spatial axes.
        return e.node("PRelu", [inputs[0], e.constant(e.value("weight").reshape(-1, *[1] * spatial))])
