"""Normalisations that need no batch: ``group_norm``, ``layer_norm``, ``layer_norm2d``, ``lrn``."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

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
from archc.ops.batch_norm import scaled_by_channel
from archc.ops.kinds import Bool, Float, NonNegative, Positive
from archc.ops.shape import Shape
from archc.ops.windows import batched, map_of

_LAYER_NORM_2D = '''
class LayerNorm2d(nn.LayerNorm):
    """Layer norm over the channels of a map."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
'''.strip()


def _affine(size: int) -> dict[str, Weight]:
    return {"weight": Weight((size,), ONES), "bias": Weight((size,), ZEROS)}


class SampleNorm(Op):
    """A normalisation by statistics of each sample, which autograd keeps beside the input."""

    def statistics(self, x: Shape) -> Shape:
        """One mean, or one deviation, for each set of numbers that are normalised together."""
        raise NotImplementedError

    def saves(self, inputs: Sequence[Shape], needs: Sequence[bool]) -> Saved:
        return Saved((0,), extras=self.scratch(inputs))

    def scratch(self, inputs: Sequence[Shape]) -> tuple[Extra, ...]:
        return (Extra(self.statistics(inputs[0])),) * 2


@op("group_norm")
class GroupNorm(SampleNorm):
    """y = (x − mean) / √(variance + eps) · weight + bias, as ``torch.nn.GroupNorm``.

    Mean and biased variance are those of a sample's group of channels; weight and bias go by channel.
    Wu and He, arXiv:1803.08494.
    """

    num_groups: Positive
    eps: NonNegative = 1e-5
    affine: Bool = True

    mixes = True
    examples = (
        example(2, on=[4, 3, 5]),
        example(1, eps=1e-3, on=[3, 4, 4]),
        example(3, affine=False, on=[6, 5]),
        example(2, on=[8]),
    )

    def infer(self, *inputs: Shape) -> Shape:
        x = batched(self, inputs)
        if x.channels % self.num_groups:
            raise OpError(
                "groups-indivisible",
                f"`group_norm` can't divide the {x.channels} channels of its input into {self.num_groups} groups",
                argument="num_groups",
                input=0,
                found=f"{x.channels} / {self.num_groups} is not whole",
                help=f"num_groups={gcd(x.channels, self.num_groups)} divides {x.channels}",
            )
        return x

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        return _affine(inputs[0].channels) if self.affine else {}

    def statistics(self, x: Shape) -> Shape:
        return Shape((self.num_groups,))

    def torch(self, *inputs: Shape) -> TorchModule:
        args = {"num_groups": self.num_groups, "num_channels": inputs[0].channels, **self.given()}
        return TorchModule("nn.GroupNorm", args, positional=2)

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        # GroupNormalization of opset 18 scales by group, that of opset 21 by channel; this form means one thing.
        x, groups = shapes[0], self.num_groups
        grouped = e.node("Reshape", [inputs[0], e.constant([0, groups, x.numel // groups], "int64")])
        ones, zeros = e.constant([1.0] * groups), e.constant([0.0] * groups)
        normal = e.node("InstanceNormalization", [*grouped, ones, zeros], epsilon=self.eps)
        y = e.node("Reshape", [*normal, e.constant([0, *x.dims], "int64")])
        return scaled_by_channel(e, y[0], len(x.spatial)) if self.affine else y

    def summary(self) -> str:
        return f"{self.name} g{self.num_groups}"


@op("layer_norm")
class LayerNorm(SampleNorm):
    """y = (x − mean) / √(variance + eps) · weight + bias over the last axis, as ``torch.nn.LayerNorm``.

    Ba, Kiros and Hinton, arXiv:1607.06450.
    """

    eps: NonNegative = 1e-5

    examples = (
        example(on=[6]),
        example(eps=1e-3, on=[4, 5]),
        example(on=[3, 4, 5]),
        example(on=[Shape((2, 4), batched=False)]),
    )

    def infer(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        return _affine(inputs[0].dims[-1])

    def reach(self, inputs: Sequence[Shape], output: Shape) -> Sequence[Reach | None]:
        return [*(Reach(axis) for axis in range(len(output.dims) - 1)), None]

    def statistics(self, x: Shape) -> Shape:
        return Shape(x.dims[:-1], x.batched)

    def torch(self, *inputs: Shape) -> TorchModule:
        return TorchModule("nn.LayerNorm", {"normalized_shape": inputs[0].dims[-1], **self.given()}, positional=1)

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        weights = [e.weight("weight"), e.weight("bias")]
        return e.node("LayerNormalization", [inputs[0], *weights], axis=-1, epsilon=self.eps)


@op("layer_norm2d")
class LayerNorm2d(SampleNorm):
    """``layer_norm`` over the channels of each pixel of a map, as ``torchvision.models.convnext.LayerNorm2d``.

    Liu et al., arXiv:2201.03545, section 2.6.
    """

    eps: NonNegative = 1e-5

    examples = (example(on=[4, 3, 5]), example(eps=1e-6, on=[6, 1, 2]))

    def infer(self, *inputs: Shape) -> Shape:
        return map_of(self, inputs)

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        return _affine(inputs[0].channels)

    def statistics(self, x: Shape) -> Shape:
        return Shape(x.spatial)

    def torch(self, *inputs: Shape) -> TorchModule:
        args = {"normalized_shape": inputs[0].channels, **self.given()}
        return TorchModule("LayerNorm2d", args, positional=1, helper=_LAYER_NORM_2D)

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        last = e.node("Transpose", inputs, perm=[0, 2, 3, 1])
        weights = [e.weight("weight"), e.weight("bias")]
        normal = e.node("LayerNormalization", [*last, *weights], axis=-1, epsilon=self.eps)
        return e.node("Transpose", normal, perm=[0, 3, 1, 2])


@op("lrn")
class LocalResponseNorm(Op):
    """y[c] = x[c] / (k + alpha / size · Σ x[i]²)^beta over the ``size`` channels i around c.

    They are c − ⌊size / 2⌋ to c + ⌊(size − 1) / 2⌋, those that exist, as in ``torch.nn.LocalResponseNorm``.
    Krizhevsky et al. 2012, section 3.3, where alpha isn't divided by ``size``.
    """

    size: Positive
    alpha: Float = 1e-4
    beta: Float = 0.75
    k: Float = 1.0

    examples = (
        example(5, on=[8, 3, 2]),
        example(3, alpha=0.5, beta=0.5, k=2.0, on=[4, 3, 3]),
        example(4, alpha=0.5, on=[7, 3, 2]),
        example(2, alpha=1.0, on=[5, 4]),
        example(9, alpha=1.0, on=[4, 2, 2]),
    )

    def infer(self, *inputs: Shape) -> Shape:
        x = batched(self, inputs)
        if not x.spatial:
            raise OpError(
                "rank-mismatch",
                f"`lrn` needs a tensor with axes after its channels, not {x}",
                input=0,
                found=str(x),
                help="put it before the `flatten` or `mean` that took height and width away",
            )
        return x

    def _padded(self, x: Shape) -> Shape:
        """The squares, with zeros before the first and after the last channel."""
        return Shape((x.channels + self.size - 1, *x.spatial))

    def saves(self, inputs: Sequence[Shape], needs: Sequence[bool]) -> Saved:
        (x,) = inputs
        return Saved((0,), extras=(Extra(self._padded(x)), Extra(x), Extra(x)))  # the base of the power, and the power

    def scratch(self, inputs: Sequence[Shape]) -> Sequence[Extra]:
        (x,) = inputs
        padded = self._padded(x)
        return (Extra(padded),) if padded.numel > 2 * x.numel else (Extra(x), Extra(x))

    def torch(self, *inputs: Shape) -> TorchModule:
        return TorchModule("nn.LocalResponseNorm", self.given(), positional=1)

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        if self.size % 2 and len(shapes[0].dims) == 3:
            return e.node("LRN", inputs, size=self.size, alpha=self.alpha, beta=self.beta, bias=self.k)
        # An even window leans to the lower channels here, to the higher ones in ONNX. Runtimes do LRN on maps alone.
        x = shapes[0]
        squares = e.node("Mul", [inputs[0], inputs[0]])
        plane = e.node("Reshape", [*squares, e.constant([0, 1, x.channels, x.numel // x.channels], "int64")])
        means = e.node(
            "AveragePool",
            plane,
            kernel_shape=[self.size, 1],
            pads=[self.size // 2, 0, (self.size - 1) // 2, 0],
            count_include_pad=1,
        )
        around = e.node("Reshape", [*means, e.constant([0, *x.dims], "int64")])
        grown = e.node("Add", [*e.node("Mul", [*around, e.constant(self.alpha)]), e.constant(self.k)])
        return e.node("Div", [inputs[0], *e.node("Pow", [*grown, e.constant(self.beta)])])

    def summary(self) -> str:
        return f"{self.name} {self.size}"
