"""A learned tensor that reads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from archc.ops.base import Init, OnnxEmitter, Op, TorchExpression, Weight, example, op
from archc.ops.kinds import Float, integer, list_of
from archc.ops.shape import Shape


@op("parameter")
class Parameter(Op):
    """A learned tensor of ``shape``, without a batch axis, that starts at ``init`` everywhere. ``nn.Parameter``.

    Its weight has no name: the state_dict key is the path of the node.
    """

    shape: Annotated[tuple[int, ...], list_of(integer(1), "integers of 1 or more")]
    init: Float = 0.0

    arity = 0
    keeps_input = False
    view = True  # the output is the weight itself
    examples = (example([3, 1, 1], on=[]), example([1, 4], init=1e-6, on=[]), example([2, 3], 1.0, on=[]))

    def infer(self, *inputs: Shape) -> Shape:
        return Shape(self.shape, batched=False)

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        return {"": Weight(self.shape, Init.of("constant", val=self.init))}

    def torch(self, *inputs: Shape) -> TorchExpression:
        plain = {0.0: "torch.zeros", 1.0: "torch.ones"}
        if start := plain.get(self.init):
            return TorchExpression(f"nn.Parameter({start}({', '.join(map(str, self.shape)) or '()'}))")
        return TorchExpression(f"nn.Parameter(torch.full({self.shape}, {self.init!r}))")

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        return [e.weight("")]

    def summary(self) -> str:
        return f"parameter {'×'.join(map(str, self.shape)) or 'scalar'}"
