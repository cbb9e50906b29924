"""Transposed convolution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import prod, sqrt
from sys import maxsize
from typing import TYPE_CHECKING

from archc.display.numbers import by_axis
from archc.ops.base import ArgumentError, OnnxEmitter, Op, OpError, Reach, TorchModule, Weight, example, op, uniform
from archc.ops.conv import PYTORCH_START, check_groups, folded
from archc.ops.kinds import Bool, Natural2, Positive, Positive2, compacted, written
from archc.ops.shape import Shape
from archc.ops.windows import extent, map_of, sized, step

if TYPE_CHECKING:
    from archc.ops.base import Array


@op("conv_transpose")
class ConvTranspose(Op):
    """2-d transposed convolution, the gradient of a convolution by its input, as ``torch.nn.ConvTranspose2d``.

    Every pixel (i, j) of channel c adds w[c, o, u, v] · x[c, i, j] at (s·i − p + d·u, s·j − p + d·v) of channel o.
    Makes (H − 1)s − 2p + d(k − 1) + output_padding + 1 rows, and columns likewise.
    """

    out_channels: Positive
    kernel_size: Positive2
    stride: Positive2 = written(1)
    padding: Natural2 = written(0)
    output_padding: Natural2 = written(0)
    groups: Positive = 1
    bias: Bool = True
    dilation: Positive2 = written(1)

    examples = (
        example(3, 2, stride=2, on=[4, 3, 5]),
        example(4, 3, stride=2, padding=1, output_padding=1, groups=2, bias=False, on=[6, 4, 3]),
        example(2, [3, 2], stride=[1, 3], padding=[1, 0], output_padding=[0, 1], dilation=[2, 1], on=[3, 4, 4]),
        example(2, 1, stride=3, on=[2, 3, 3]),
        example(2, 3, padding=[0, 1], output_padding=1, dilation=2, on=[2, 2, 3]),  # more than the stride
    )

    def infer(self, *inputs: Shape) -> Shape:
        x = map_of(self, inputs)
        check_groups(self, x.channels, self.out_channels, self.groups)
        self._check_output_padding()
        sizes = tuple(
            (size - 1) * s - 2 * p + w + o
            for size, s, p, w, o in zip(
                x.spatial, self.stride, self.padding, self._extent, self.output_padding, strict=True
            )
        )
        if min(sizes) < 1:
            raise OpError(
                "shape-mismatch",
                f"the padding of `conv_transpose` takes away all of its output ({sized(sizes)})",
                argument="padding",
                found=f"{x} in, {by_axis([self.out_channels, *sizes])} out",
                help="here `padding` takes pixels away from every side of the output",
            )
        return Shape((self.out_channels, *sizes))

    def _check_output_padding(self) -> None:
        for o, s, d in zip(self.output_padding, self.stride, self.dilation, strict=True):
            if o >= max(s, d):
                raise ArgumentError(
                    "wrong-argument",
                    "`output_padding` of `conv_transpose` must be smaller than its stride or its dilation",
                    argument="output_padding",
                    found=f"{o}, with stride {s} and dilation {d}",
                )

    @property
    def _extent(self) -> tuple[int, ...]:
        return extent(self.kernel_size, self.dilation)

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        shape = (inputs[0].channels, self.out_channels // self.groups, *self.kernel_size)
        weights = {"weight": Weight(shape, PYTORCH_START)}
        if self.bias:
            weights["bias"] = Weight((self.out_channels,), uniform(1 / sqrt(prod(shape[1:]))))
        return weights

    def macs(self, inputs: Sequence[Shape], output: Shape) -> int:
        return inputs[0].numel * self.out_channels // self.groups * prod(self.kernel_size)

    def window(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        return self._extent, self.stride, self.padding

    def reach(self, inputs: Sequence[Shape], output: Shape) -> Sequence[Reach | None]:
        # Output pixel j gets tap t from input pixel (j + p − d·t) / s.
        slid = [
            Reach(i + 1, Fraction(w - 1, s) + 1, Fraction(1, s), Fraction(p - (w - 1), s))
            for i, (w, s, p) in enumerate(zip(self._extent, self.stride, self.padding, strict=True))
        ]
        return [Reach(0), *slid]

    def torch(self, *inputs: Shape) -> TorchModule:
        args = {"in_channels": inputs[0].channels, **compacted(self.given())}
        return TorchModule("nn.ConvTranspose2d", args, positional=3)

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        x, ends, output_padding = self._onnx_ends(e, inputs[0])
        both = [min(sides) for sides in zip(self.padding, ends, strict=True)]
        y = e.node(
            "ConvTranspose",
            [x, e.weight("weight"), *([e.weight("bias")] if e.has("bias") else [])],
            kernel_shape=list(self.kernel_size),
            strides=list(self.stride),
            pads=[*both, *both],
            output_padding=list(output_padding),
            dilations=list(self.dilation),
            group=self.groups,
        )
        if both == list(self.padding) == list(ends):
            return y
        # Where the two ends differ, cuDNN can't cut them, and onnxruntime would leave the node to the CPU.
        first = [p - b for p, b in zip(self.padding, both, strict=True)]
        last = [b - end or maxsize for b, end in zip(both, ends, strict=True)]
        return e.node("Slice", [*y, *(e.constant(numbers, "int64") for numbers in (first, last, [2, 3]))])

    def _onnx_ends(self, e: OnnxEmitter, x: str) -> tuple[str, Sequence[int], Sequence[int]]:
        """The input, and what is cut off and added at the end of each axis of the output."""
        if all(o < s for o, s in zip(self.output_padding, self.stride, strict=True)):
            return x, self.padding, self.output_padding
        # PyTorch allows more, up to the dilation, but runtimes don't. Zeros after the input make room for it.
        cut = [p - o for p, o in zip(self.padding, self.output_padding, strict=True)]
        more = [max(0, -(c // s)) for c, s in zip(cut, self.stride, strict=True)]
        if any(more):
            x = e.node("Pad", [x, e.constant([0, 0, 0, 0, 0, 0, *more], "int64")])[0]
        return x, [c + m * s for c, m, s in zip(cut, more, self.stride, strict=True)], [0, 0]

    def absorb_affine(
        self, values: Mapping[str, Array], scale: Array, shift: Array, *, output: Shape | None = None
    ) -> dict[str, Array] | None:
        import numpy as np

        # Axis 1 of the weight counts the output channels of one group, axis 0 the input channels of all groups.
        weight = values["weight"]
        by_group = np.repeat(np.asarray(scale, np.float64).reshape(self.groups, -1), len(weight) // self.groups, axis=0)
        return folded(values, weight, scale, shift, by_group[:, :, None, None])

    def summary(self) -> str:
        groups = f" g{self.groups}" if self.groups > 1 else ""
        strides = step("/", self.stride, 1) + step("p", self.padding, 0) + step("op", self.output_padding, 0)
        return f"{self.name} {sized(self.kernel_size)}{strides}{step('d', self.dilation, 1)}{groups}"
