"""Pooling with a sliding window: ``max_pool`` and ``avg_pool``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Annotated, Any

from archc.ops.base import ArgumentError, Extra, OnnxEmitter, Op, Saved, TorchModule, example, op
from archc.ops.kinds import Bool, Natural2, Positive2, compacted, optional, size, written
from archc.ops.shape import Shape
from archc.ops.windows import extent, map_of, overhang, sized, slide, step

Stride = Annotated[tuple[int, ...] | None, optional(size(2, 1))]


def _as_the_kernel() -> Any:
    return field(default=None, metadata={"shown": "kernel_size"})


def _most_padding(op: Op, kernel: Sequence[int], padding: Sequence[int]) -> tuple[int, ...]:
    """PyTorch's limit of the padding: half the kernel, dilated or not. Raises ArgumentError beyond it."""
    most = tuple(k // 2 for k in kernel)
    for k, p, limit in zip(kernel, padding, most, strict=True):
        if p > limit:
            raise ArgumentError(
                "wrong-argument",
                f"`padding` of `{op.name}` must be at most half its `kernel_size`",
                argument="padding",
                found=f"{p}, where the kernel is {k}",
                help="a `pad` before it takes any padding",
            )
    return most


def _arguments(op: Op, kernel_size: tuple[int, ...], stride: tuple[int, ...]) -> dict[str, Any]:
    """Those of torch's class that differ from its defaults."""
    given = op.given()
    if stride == kernel_size:
        given.pop("stride", None)
    return compacted(given)


def _summary(op: Op, kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int]) -> str:
    return f"{op.name} {sized(kernel)}{step('/', stride, 1)}{step('p', padding, 0)}"


@op("max_pool")
class MaxPool(Op):
    """The largest number in each window, channel by channel, as ``torch.nn.MaxPool2d``; padding never wins.

    Makes ⌊(H + 2p − d(k − 1) − 1) / s⌋ + 1 rows; with ``ceil_mode`` ⌈…⌉ + 1, less one where the last window would
    start in the right padding.
    """

    kernel_size: Positive2
    stride: Stride = _as_the_kernel()
    padding: Natural2 = written(0)
    dilation: Positive2 = written(1)
    ceil_mode: Bool = False

    examples = (
        example(2, on=[3, 4, 5]),
        example(3, stride=2, padding=1, on=[2, 7, 6]),
        example(3, stride=2, ceil_mode=True, on=[2, 6, 7]),
        example(2, stride=2, padding=1, ceil_mode=True, on=[2, 5, 4]),  # the last window would start in the padding
        example([3, 4], stride=1, padding=[1, 2], dilation=[1, 2], on=[2, 4, 5]),
        example(3, stride=2, ceil_mode=True, on=[2, 2, 2]),  # the window is larger than the map
    )

    @property
    def _steps(self) -> tuple[int, ...]:
        return self.stride or self.kernel_size

    @property
    def _extent(self) -> tuple[int, ...]:
        return extent(self.kernel_size, self.dilation)

    def infer(self, *inputs: Shape) -> Shape:
        x = map_of(self, inputs)
        most = _most_padding(self, self.kernel_size, self.padding)
        sizes = slide(self, x, self._extent, self._steps, self.padding, ceil_mode=self.ceil_mode, most=most)
        return Shape((x.channels, *sizes))

    def window(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        return self._extent, self._steps, self.padding

    def saves(self, inputs: Sequence[Shape], needs: Sequence[bool]) -> Saved:
        return Saved((0,), extras=self._where(inputs))

    def scratch(self, inputs: Sequence[Shape]) -> Sequence[Extra]:
        return self._where(inputs)  # made in eval too, and thrown away

    def _where(self, inputs: Sequence[Shape]) -> tuple[Extra, ...]:
        """The place of each window's largest number."""
        return (Extra(self.infer(*inputs), "int64"),)

    def torch(self, *inputs: Shape) -> TorchModule:
        return TorchModule("nn.MaxPool2d", _arguments(self, self.kernel_size, self._steps), positional=1)

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        # ONNX's own ceil_mode lacks the rule for the last window until opset 22. More padding says the same.
        over = overhang(shapes[0].spatial, self.infer(*shapes).spatial, self._extent, self._steps, self.padding)
        pads = [*self.padding, *(p + o for p, o in zip(self.padding, over, strict=True))]
        x = inputs[0]
        if max(self.dilation) > 1 and any(pads):
            # Runtimes refuse padding as wide as the kernel, its holes not counted.
            x = e.node("Pad", [x, e.constant([0, 0, *pads[:2], 0, 0, *pads[2:]], "int64"), e.constant(float("-inf"))])[
                0
            ]
            pads = [0, 0, 0, 0]
        return e.node(
            "MaxPool",
            [x],
            kernel_shape=list(self.kernel_size),
            strides=list(self._steps),
            pads=pads,
            dilations=list(self.dilation),
        )

    def summary(self) -> str:
        dilation, ceil = step("d", self.dilation, 1), " ceil" if self.ceil_mode else ""
        return f"{_summary(self, self.kernel_size, self._steps, self.padding)}{dilation}{ceil}"


@op("avg_pool")
class AvgPool(Op):
    """The mean of each window, channel by channel, as ``torch.nn.AvgPool2d``; sizes as of ``max_pool``.

    Each sum is divided by the pixels of the window that lie on the map or its padding, or on the map alone without
    ``count_include_pad``; what hangs over the padding with ``ceil_mode`` never counts.
    """

    kernel_size: Positive2
    stride: Stride = _as_the_kernel()
    padding: Natural2 = written(0)
    ceil_mode: Bool = False
    count_include_pad: Bool = True

    examples = (
        example(2, on=[3, 4, 5]),
        example(3, stride=1, padding=1, on=[2, 5, 4]),
        example(3, stride=1, padding=1, count_include_pad=False, on=[2, 5, 4]),
        example([3, 2], stride=2, padding=[1, 0], ceil_mode=True, on=[2, 6, 7]),
        example(3, stride=2, padding=1, ceil_mode=True, count_include_pad=False, on=[2, 6, 5]),
        example(2, stride=2, padding=1, ceil_mode=True, on=[2, 5, 4]),
    )

    @property
    def _steps(self) -> tuple[int, ...]:
        return self.stride or self.kernel_size

    def infer(self, *inputs: Shape) -> Shape:
        x = map_of(self, inputs)
        most = _most_padding(self, self.kernel_size, self.padding)
        sizes = slide(self, x, self.kernel_size, self._steps, self.padding, ceil_mode=self.ceil_mode, most=most)
        return Shape((x.channels, *sizes))

    def window(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        return self.kernel_size, self._steps, self.padding

    def torch(self, *inputs: Shape) -> TorchModule:
        return TorchModule("nn.AvgPool2d", _arguments(self, self.kernel_size, self._steps), positional=1)

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        # Runtimes differ in what they divide by with ceil_mode. So the overhang is padding that doesn't count, and
        # padding that does is laid around the map first where there is both.
        over = overhang(shapes[0].spatial, self.infer(*shapes).spatial, self.kernel_size, self._steps, self.padding)
        x, padding, counted = inputs[0], self.padding, self.count_include_pad
        if counted and any(over):
            if any(padding):
                x = e.node("Pad", [x, e.constant([0, 0, *padding, 0, 0, *padding], "int64")])[0]
            padding, counted = (0, 0), False
        return e.node(
            "AveragePool",
            [x],
            kernel_shape=list(self.kernel_size),
            strides=list(self._steps),
            pads=[*padding, *(p + o for p, o in zip(padding, over, strict=True))],
            count_include_pad=int(counted),
        )

    def summary(self) -> str:
        ceil = " ceil" if self.ceil_mode else ""
        return f"{_summary(self, self.kernel_size, self._steps, self.padding)}{ceil}"
