"""Pooling to a given size: ``adaptive_avg_pool``, ``global_avg_pool``, ``mean``."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from archc.ops.base import OnnxEmitter, Op, Reach, Saved, TorchExpression, TorchModule, example, op
from archc.ops.kinds import Positive2, compact
from archc.ops.shape import Shape
from archc.ops.windows import map_of, sized

_SPATIAL_MEAN = '''
class SpatialMean(nn.Module):
    """Mean over height and width."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))
'''.strip()


def _band(axis: int, size: int, out: int) -> Reach:
    """What holds every window: rounding to whole positions widens one by up to (q − 1) / q on either side."""
    stride = Fraction(size, out)
    rounding = 1 - Fraction(1, stride.denominator)
    return Reach(axis, stride + 2 * rounding, stride, -rounding)


def _averages(size: int, out: int) -> list[list[float]]:
    """The matrix of means of ``size`` numbers over ``out`` windows: ⌊i · size / out⌋ to ⌈(i + 1) · size / out⌉ − 1."""
    windows = [range(i * size // out, -(-(i + 1) * size // out)) for i in range(out)]
    return [[1 / len(window) if j in window else 0.0 for j in range(size)] for window in windows]


@op("adaptive_avg_pool")
class AdaptiveAvgPool(Op):
    """Means over a grid of ``output_size`` windows that cover the map, as ``torch.nn.AdaptiveAvgPool2d``.

    Row i is the mean of rows ⌊i · H / out⌋ to ⌈(i + 1) · H / out⌉ − 1, and columns likewise; windows may overlap.
    """

    output_size: Positive2

    examples = (
        example(1, on=[3, 4, 5]),
        example([2, 3], on=[2, 4, 9]),
        example(4, on=[2, 4, 4]),
        example(3, on=[2, 5, 7]),
        example(4, on=[2, 1, 6]),
        example([2, 3], on=[2, 2, 5]),
    )

    def infer(self, *inputs: Shape) -> Shape:
        return Shape((map_of(self, inputs).channels, *self.output_size))

    def reach(self, inputs: Sequence[Shape], output: Shape) -> Sequence[Reach | None]:
        sizes = enumerate(zip(inputs[0].spatial, self.output_size, strict=True), start=1)
        return [Reach(0), *(None if out == 1 else _band(axis, size, out) for axis, (size, out) in sizes)]

    def torch(self, *inputs: Shape) -> TorchModule:
        return TorchModule("nn.AdaptiveAvgPool2d", {"output_size": compact(self.output_size)}, positional=1)

    def saves(self, inputs: Sequence[Shape], needs: Sequence[bool]) -> Saved:
        # To 1 × 1 it is a mean, whose gradient needs the sizes alone.
        return Saved() if self.output_size == (1, 1) else Saved((0,))

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        sizes, out = shapes[0].spatial, self.output_size
        if sizes == out:
            return [inputs[0]]
        if out == (1, 1):
            return e.node("GlobalAveragePool", inputs)
        if all(size % n == 0 for size, n in zip(sizes, out, strict=True)):
            kernel = [size // n for size, n in zip(sizes, out, strict=True)]
            return e.node("AveragePool", inputs, kernel_shape=kernel, strides=kernel)
        return self._onnx_uneven(e, inputs[0], sizes)

    def _onnx_uneven(self, e: OnnxEmitter, x: str, sizes: tuple[int, ...]) -> list[str]:
        # Windows of unlike sizes: the mean over rows and then over columns, each a product with a fixed matrix.
        (height, width), (rows, columns) = sizes, self.output_size
        if rows != height:
            x = e.node("MatMul", [e.constant(_averages(height, rows)), x])[0]
        if columns != width:
            transposed = [list(row) for row in zip(*_averages(width, columns), strict=True)]
            x = e.node("MatMul", [x, e.constant(transposed)])[0]
        return [x]

    def summary(self) -> str:
        return f"{self.name} {sized(self.output_size)}"


@op("global_avg_pool")
class GlobalAvgPool(Op):
    """The mean over height and width, which become 1 × 1 and stay, as ``torch.nn.AdaptiveAvgPool2d(1)``.

    Lin et al., arXiv:1312.4400, section 3.2.
    """

    mixes = True
    keeps_input = False  # a mean's gradient needs its sizes alone
    examples = (example(on=[3, 4, 5]), example(on=[2, 1, 1]))

    def infer(self, *inputs: Shape) -> Shape:
        return Shape((map_of(self, inputs).channels, 1, 1))

    def torch(self, *inputs: Shape) -> TorchModule:
        return TorchModule("nn.AdaptiveAvgPool2d", {"output_size": 1}, positional=1)

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        return e.node("GlobalAveragePool", inputs)


@op("mean")
class Mean(Op):
    """The mean over height and width, which vanish, as ``torch.mean(x, (2, 3))``."""

    mixes = True
    keeps_input = False
    examples = (example(on=[3, 4, 5]), example(on=[2, 1, 3]))

    def infer(self, *inputs: Shape) -> Shape:
        return Shape((map_of(self, inputs).channels,))

    def torch(self, *inputs: Shape) -> TorchExpression:
        return TorchExpression("{0}.mean((2, 3))")

    def torch_module(self, *inputs: Shape) -> TorchModule:
        return TorchModule("SpatialMean", {}, helper=_SPATIAL_MEAN)

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        return e.node("ReduceMean", [inputs[0], e.constant([2, 3], "int64")], keepdims=0)
