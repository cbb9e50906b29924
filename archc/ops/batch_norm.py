"""Batch normalisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from archc.ops.base import (
    ONES,
    ZEROS,
    Extra,
    OnnxEmitter,
    Op,
    OpError,
    Reach,
    Saved,
    TorchModule,
    Weight,
    example,
    op,
)
from archc.ops.kinds import Bool, Momentum, NonNegative
from archc.ops.shape import Shape
from archc.ops.windows import batched

if TYPE_CHECKING:
    from archc.ops.base import Array


@op("batch_norm")
class BatchNorm(Op):
    """y = (x − mean) / √(variance + eps) · weight + bias by channel, as ``torch.nn.BatchNorm2d`` and ``BatchNorm1d``.

    In training mean and (biased) variance are those of the batch, and the running ones follow by ``momentum``
    (``None``: their plain average); in eval the running ones serve. Without ``track_running_stats`` the batch's
    serve in both. Ioffe and Szegedy, arXiv:1502.03167.
    """

    eps: NonNegative = 1e-5
    momentum: Momentum = 0.1
    affine: Bool = True
    track_running_stats: Bool = True

    train_arguments = frozenset({"momentum"})
    examples = (
        example(on=[3, 4, 5]),
        example(eps=1e-3, momentum=0.01, on=[4]),
        example(on=[3, 6]),
        example(affine=False, on=[3, 4, 4]),
        example(track_running_stats=False, on=[3, 4, 5]),
        example(affine=False, track_running_stats=False, on=[3, 6]),
    )

    def infer(self, *inputs: Shape) -> Shape:
        x = batched(self, inputs)
        if not 1 <= len(x.dims) <= 3:
            raise OpError(
                "rank-mismatch",
                f"`batch_norm` takes tensors of 2, 3 or 4 axes, the batch counted, not of {x.rank}",
                input=0,
                found=str(x),
                help="a `flatten(2)` before it makes one axis of all that follow the channels",
            )
        return x

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        channels = (inputs[0].channels,)
        weights: dict[str, Weight] = {}
        if self.affine:
            weights |= {"weight": Weight(channels, ONES), "bias": Weight(channels, ZEROS)}
        if self.track_running_stats:
            weights |= {
                "running_mean": Weight(channels, ZEROS, buffer=True),
                "running_var": Weight(channels, ONES, buffer=True),
                "num_batches_tracked": Weight((), ZEROS, buffer=True, dtype="int64"),
            }
        return weights

    def reach(self, inputs: Sequence[Shape], output: Shape) -> Sequence[Reach | None]:
        if self.track_running_stats:
            return super().reach(inputs, output)
        return [Reach(0), *[None] * len(output.spatial)]

    def _statistics(self, x: Shape) -> tuple[Extra, ...]:
        """Mean and 1 / √(variance + eps) of the batch."""
        return (Extra(Shape((x.channels,), batched=False)),) * 2

    def saves(self, inputs: Sequence[Shape], needs: Sequence[bool]) -> Saved:
        return Saved((0,), extras=self._statistics(inputs[0]))

    def scratch(self, inputs: Sequence[Shape]) -> Sequence[Extra]:
        return () if self.track_running_stats else self._statistics(inputs[0])

    def torch(self, *inputs: Shape) -> TorchModule:
        cls = "nn.BatchNorm2d" if len(inputs[0].dims) == 3 else "nn.BatchNorm1d"
        return TorchModule(cls, {"num_features": inputs[0].channels, **self.given()}, positional=1)

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        if not self.track_running_stats:
            return self._onnx_of_batch(e, inputs[0], shapes[0])
        channels = shapes[0].channels
        weight = e.weight("weight") if self.affine else e.constant([1.0] * channels)
        bias = e.weight("bias") if self.affine else e.constant([0.0] * channels)
        mean, variance = e.weight("running_mean"), e.weight("running_var")
        return e.node("BatchNormalization", [inputs[0], weight, bias, mean, variance], epsilon=self.eps)

    def _onnx_of_batch(self, e: OnnxEmitter, x: str, shape: Shape) -> list[str]:
        # By hand: ONNX's BatchNormalization in training mode also gives running statistics, and few runtimes have it.
        axes = e.constant([0, *range(2, shape.rank)], "int64")
        mean = e.node("ReduceMean", [x, axes], keepdims=1)
        centred = e.node("Sub", [x, *mean])
        variance = e.node("ReduceMean", [*e.node("Mul", [*centred, *centred]), axes], keepdims=1)
        deviation = e.node("Sqrt", e.node("Add", [*variance, e.constant(self.eps)]))
        y = e.node("Div", [*centred, *deviation])
        if not self.affine:
            return y
        return scaled_by_channel(e, y[0], len(shape.spatial))

    def as_affine(self, values: Mapping[str, Array]) -> tuple[Array, Array] | None:
        import numpy as np

        if not self.track_running_stats:
            return None
        mean, variance = (np.asarray(values[name], np.float64) for name in ("running_mean", "running_var"))
        scale = 1 / np.sqrt(variance + self.eps)
        if not self.affine:
            return scale, -mean * scale
        weight, bias = (np.asarray(values[name], np.float64) for name in ("weight", "bias"))
        return weight * scale, bias - mean * weight * scale


def scaled_by_channel(e: OnnxEmitter, x: str, spatial: int) -> list[str]:
    """x · weight + bias by channel, for the op's own weight and bias, with ``spatial`` axes after the channels."""
    weight, bias = e.weight("weight"), e.weight("bias")
    if spatial:
        after = e.constant(list(range(1, spatial + 1)), "int64")
        weight, bias = (e.node("Unsqueeze", [w, after])[0] for w in (weight, bias))
    return e.node("Add", [*e.node("Mul", [x, weight]), bias])
