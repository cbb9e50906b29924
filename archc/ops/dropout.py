"""Ops that drop at random in training and do nothing in eval."""

from __future__ import annotations

from collections.abc import Sequence

from archc.ops.activation import Activation
from archc.ops.base import Extra, OnnxEmitter, Saved, TorchModule, example, op
from archc.ops.kinds import Probability
from archc.ops.shape import Shape

DROP_PATH = '''\
class DropPath(nn.Module):
    """In training, zeroes whole samples with probability p and divides the others by 1 - p."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0.0:
            return x
        keep = x.new_empty((x.shape[0],) + (1,) * (x.dim() - 1)).bernoulli_(1.0 - self.p)
        if self.p < 1.0:
            keep.div_(1.0 - self.p)
        return x * keep

    def extra_repr(self) -> str:
        return f"p={self.p}"
'''


@op("dropout")
class Dropout(Activation):
    """In training each number becomes 0 with probability ``p`` and the others are divided by 1 − p. ``nn.Dropout``."""

    p: Probability = 0.5

    view = True
    eval_identity = True
    keeps_input = False
    inplace = True
    examples = (example(on=[3, 4, 5]), example(0.2, on=[7]), example(p=0.0, on=[7]))

    def torch(self, *inputs: Shape) -> TorchModule:
        return TorchModule("nn.Dropout", self.given(), positional=1)

    def is_view(self, *, training: bool) -> bool:
        return not training or self.p == 0

    def saves(self, inputs: Sequence[Shape], needs: Sequence[bool]) -> Saved:
        # The factors, as PyTorch keeps them on a CPU. On a GPU one byte each would do.
        return Saved(extras=(Extra(inputs[0]),) if self.p else ())

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        return list(inputs)

    def summary(self) -> str:
        return f"dropout {self.p:g}"


@op("drop_path")
class DropPath(Activation):
    """In training each sample becomes 0 with probability ``p`` and the others are divided by 1 − p.

    Stochastic depth; Huang et al. 2016, section 3. Draws as ``torchvision.ops.StochasticDepth`` does in mode "row";
    a ``p`` of 0 draws nothing.
    """

    p: Probability

    view = True
    eval_identity = True
    keeps_input = False
    examples = (example(0.2, on=[3, 4, 5]), example(0.0, on=[3, 4, 5]), example(p=1.0, on=[7]))

    def torch(self, *inputs: Shape) -> TorchModule:
        return TorchModule("DropPath", {"p": self.p}, positional=1, helper=DROP_PATH)

    def is_view(self, *, training: bool) -> bool:
        return not training or self.p == 0

    def saves(self, inputs: Sequence[Shape], needs: Sequence[bool]) -> Saved:
        return Saved(extras=(Extra(Shape((1,))),) if self.p else ())  # a factor for each sample

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        return list(inputs)

    def summary(self) -> str:
        return f"drop_path {self.p:g}"
