"""The op that does nothing."""

from __future__ import annotations

from collections.abc import Sequence

from archc.ops.activation import Activation
from archc.ops.base import OnnxEmitter, TorchModule, example, op
from archc.ops.shape import Shape


@op("identity")
class Identity(Activation):
    """Gives its input. ``nn.Identity``."""

    view = True
    eval_identity = True
    keeps_input = False
    examples = (example(on=[3, 4, 5]), example(on=[7]))

    def torch(self, *inputs: Shape) -> TorchModule:
        return TorchModule("nn.Identity", {})

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        return list(inputs)
