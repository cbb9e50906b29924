"""Activations: elementwise functions, and softmax. They keep the shape and take maps, vectors and parameters alike.

Formulas: https://docs.pytorch.org/docs/stable/nn.html#non-linear-activations-weighted-sum-nonlinearity
"""

from __future__ import annotations

from collections.abc import Sequence
from math import pi, sqrt
from typing import Annotated

from archc.ops.axes import axis_of
from archc.ops.base import OnnxEmitter, Op, Reach, TorchModule, example, op
from archc.ops.kinds import Float, Int, choice
from archc.ops.shape import Shape


class Activation(Op):
    """A function of each number: the output has the input's shape."""

    def infer(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        return x


@op("relu")
class Relu(Activation):
    """max(x, 0). ``nn.ReLU``; Nair and Hinton 2010."""

    keeps_input = False
    keeps_output = True
    inplace = True
    examples = (example(on=[3, 4, 5]), example(on=[7]))

    def torch(self, *inputs: Shape) -> TorchModule:
        return TorchModule("nn.ReLU", {})

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        return e.node("Relu", inputs)


@op("relu6")
class Relu6(Activation):
    """min(max(x, 0), 6). ``nn.ReLU6``; Howard et al. 2017."""

    inplace = True
    copies_input = True
    examples = (example(on=[3, 4, 5]), example(on=[7]))

    def torch(self, *inputs: Shape) -> TorchModule:
        return TorchModule("nn.ReLU6", {})

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        return e.node("Clip", [*inputs, e.constant(0.0), e.constant(6.0)])


@op("leaky_relu")
class LeakyRelu(Activation):
    """x where it is positive, else ``negative_slope`` · x. ``nn.LeakyReLU``; Maas et al. 2013."""

    negative_slope: Float = 0.01

    inplace = True
    examples = (example(on=[3, 4, 5]), example(0.2, on=[7]))

    def torch(self, *inputs: Shape) -> TorchModule:
        return TorchModule("nn.LeakyReLU", self.given(), positional=1)

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        return e.node("LeakyRelu", inputs, alpha=self.negative_slope)

    def summary(self) -> str:
        return f"leaky_relu {self.negative_slope:g}"


@op("elu")
class Elu(Activation):
    """x where it is positive, else ``alpha`` · (eˣ − 1). ``nn.ELU``; Clevert et al. 2016."""

    alpha: Float = 1.0

    inplace = True
    examples = (example(on=[3, 4, 5]), example(alpha=0.5, on=[7]))

    def torch(self, *inputs: Shape) -> TorchModule:
        return TorchModule("nn.ELU", self.given(), positional=1)

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        return e.node("Elu", inputs, alpha=self.alpha)


@op("silu")
class Silu(Activation):
    """x · sigmoid(x), also called swish. ``nn.SiLU``; Elfwing et al. 2017, Ramachandran et al. 2017."""

    inplace = True
    copies_input = True
    examples = (example(on=[3, 4, 5]), example(on=[7]))

    def torch(self, *inputs: Shape) -> TorchModule:
        return TorchModule("nn.SiLU", {})

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        return e.node("Mul", [inputs[0], *e.node("Sigmoid", inputs)])


@op("gelu")
class Gelu(Activation):
    """x · Φ(x), Φ by the error function or, with ``approximate="tanh"``, by a tanh.

    ``nn.GELU``; Hendrycks and Gimpel 2016.
    """

    approximate: Annotated[str, choice("none", "tanh")] = "none"

    examples = (example(on=[3, 4, 5]), example("tanh", on=[3, 4, 5]), example(on=[7]))

    def torch(self, *inputs: Shape) -> TorchModule:
        return TorchModule("nn.GELU", self.given())

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        # Opset 18 has no Gelu. The form by Erf is the one that runtimes recognise and fuse.
        (x,) = inputs
        gate = self._tanh(e, x) if self.approximate == "tanh" else self._erf(e, x)
        (gate,) = e.node("Add", [gate, e.constant(1.0)])
        return e.node("Mul", [*e.node("Mul", [x, gate]), e.constant(0.5)])

    @staticmethod
    def _erf(e: OnnxEmitter, x: str) -> str:
        return e.node("Erf", e.node("Div", [x, e.constant(sqrt(2))]))[0]

    @staticmethod
    def _tanh(e: OnnxEmitter, x: str) -> str:
        """tanh(√(2/π) · (x + 0.044715 x³))."""
        (cube,) = e.node("Mul", [*e.node("Mul", [x, x]), x])
        (inner,) = e.node("Add", [x, *e.node("Mul", [cube, e.constant(0.044715)])])
        return e.node("Tanh", e.node("Mul", [inner, e.constant(sqrt(2 / pi))]))[0]

    def summary(self) -> str:
        return "gelu" if self.approximate == "none" else "gelu tanh"


@op("sigmoid")
class Sigmoid(Activation):
    """1 / (1 + e⁻ˣ). ``nn.Sigmoid``."""

    keeps_input = False
    keeps_output = True
    examples = (example(on=[3, 4, 5]), example(on=[7]))

    def torch(self, *inputs: Shape) -> TorchModule:
        return TorchModule("nn.Sigmoid", {})

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        return e.node("Sigmoid", inputs)


@op("tanh")
class Tanh(Activation):
    """The hyperbolic tangent. ``nn.Tanh``."""

    keeps_input = False
    keeps_output = True
    examples = (example(on=[3, 4, 5]), example(on=[7]))

    def torch(self, *inputs: Shape) -> TorchModule:
        return TorchModule("nn.Tanh", {})

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        return e.node("Tanh", inputs)


@op("hardswish")
class Hardswish(Activation):
    """x · relu6(x + 3) / 6. ``nn.Hardswish``; Howard et al. 2019."""

    inplace = True
    copies_input = True
    examples = (example(on=[3, 4, 5]), example(on=[7]))

    def torch(self, *inputs: Shape) -> TorchModule:
        return TorchModule("nn.Hardswish", {})

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        return e.node("HardSwish", inputs)


@op("hardsigmoid")
class Hardsigmoid(Activation):
    """relu6(x + 3) / 6. ``nn.Hardsigmoid``; Howard et al. 2019."""

    inplace = True
    copies_input = True
    examples = (example(on=[3, 4, 5]), example(on=[7]))

    def torch(self, *inputs: Shape) -> TorchModule:
        return TorchModule("nn.Hardsigmoid", {})

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        return e.node("HardSigmoid", inputs, alpha=1 / 6, beta=0.5)


@op("softmax")
class Softmax(Op):
    """eˣ / Σ eˣ along the axis ``dim``, which counts the batch: 1 is the channels. ``nn.Softmax``.

    Keeps the shape. Raises OpError("axis-out-of-range", "batch-axis").
    """

    dim: Int = 1

    keeps_input = False
    keeps_output = True
    examples = (example(on=[5]), example(on=[3, 4, 5]), example(dim=-1, on=[3, 4, 5]))

    def infer(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        axis_of(self, "dim", self.dim, x)
        return x

    def reach(self, inputs: Sequence[Shape], output: Shape) -> Sequence[Reach | None]:
        mixed = axis_of(self, "dim", self.dim, output)
        return [None if axis == mixed else Reach(axis) for axis in range(len(output.dims))]

    def torch(self, *inputs: Shape) -> TorchModule:
        return TorchModule("nn.Softmax", {"dim": self.dim})

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        return e.node("Softmax", inputs, axis=self.dim)

    def summary(self) -> str:
        return "softmax" if self.dim == 1 else f"softmax along {self.dim}"
