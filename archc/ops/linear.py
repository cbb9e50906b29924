"""The linear layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import TYPE_CHECKING

from archc.ops.base import OnnxEmitter, Op, Reach, TorchModule, Weight, example, op, uniform
from archc.ops.conv import PYTORCH_START, folded
from archc.ops.kinds import Bool, Positive
from archc.ops.shape import Shape

if TYPE_CHECKING:
    from archc.ops.base import Array


@op("linear")
class Linear(Op):
    """y = x Wᵀ + b on the last axis, as ``torch.nn.Linear``."""

    out_features: Positive
    bias: Bool = True

    examples = (
        example(5, on=[7]),
        example(3, bias=False, on=[4]),
        example(4, on=[2, 3, 6]),
        example(4, bias=False, on=[3, 5]),
        example(3, on=[Shape((2, 4), batched=False)]),
    )

    def infer(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        return Shape((*x.dims[:-1], self.out_features), x.batched)

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        features = inputs[0].dims[-1]
        weights = {"weight": Weight((self.out_features, features), PYTORCH_START)}
        if self.bias:
            weights["bias"] = Weight((self.out_features,), uniform(1 / sqrt(features)))
        return weights

    def macs(self, inputs: Sequence[Shape], output: Shape) -> int:
        return inputs[0].numel * self.out_features

    def reach(self, inputs: Sequence[Shape], output: Shape) -> Sequence[Reach | None]:
        return [*(Reach(axis) for axis in range(len(output.dims) - 1)), None]

    def torch(self, *inputs: Shape) -> TorchModule:
        return TorchModule("nn.Linear", {"in_features": inputs[0].dims[-1], **self.given()}, positional=2)

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        weight, bias = e.weight("weight"), [e.weight("bias")] if e.has("bias") else []
        if shapes[0].rank == 2:
            return e.node("Gemm", [inputs[0], weight, *bias], transB=1)
        # Gemm takes matrices alone. The weight keeps its layout in the file; runtimes transpose it once, as they load.
        transposed = e.node("Transpose", [weight], perm=[1, 0])
        product = e.node("MatMul", [inputs[0], *transposed])
        return e.node("Add", [*product, *bias]) if bias else product

    def absorb_affine(
        self, values: Mapping[str, Array], scale: Array, shift: Array, *, output: Shape | None = None
    ) -> dict[str, Array] | None:
        if output is None or not output.batched or len(output.dims) != 1:
            return None  # the features aren't on axis 1, where an affine by channel works
        return folded(values, values["weight"], scale, shift, scale[:, None])
