"""Anti-aliased downsampling."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from typing import Annotated

from archc.ops.base import Extra, OnnxEmitter, Op, OpError, Saved, TorchModule, example, op
from archc.ops.kinds import Positive, Positive2, choice, compacted, written
from archc.ops.shape import Shape
from archc.ops.windows import map_of, sized, slide, step

_HELPER = '''
class BlurPool2d(nn.Module):
    """Blurs by a binomial filter and keeps the pixels at every ``stride``."""

    filter: Tensor

    def __init__(
        self, channels: int, stride: int | tuple[int, int] = 2, size: int = 3, mode: str = "reflect"
    ) -> None:
        super().__init__()
        self.stride = (stride, stride) if isinstance(stride, int) else stride
        self.mode = mode
        row = [1.0]
        for _ in range(size - 1):
            row = [(a + b) / 2 for a, b in zip([0.0, *row], [*row, 0.0], strict=True)]
        blur = torch.outer(torch.tensor(row), torch.tensor(row))
        self.register_buffer("filter", blur.repeat(channels, 1, 1, 1), persistent=False)
        height, width = ((s + size - 2) // 2 for s in self.stride)
        self.padding = (width, width, height, height)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.pad(x, self.padding, self.mode)
        return nn.functional.conv2d(x, self.filter, stride=self.stride, groups=x.shape[1])
'''.strip()

Mode = Annotated[str, choice("reflect", "replicate", "circular", "constant")]

_ONNX_MODES = {"reflect": "reflect", "replicate": "edge"}
_KEPT_BY_PADDING = ("reflect", "replicate")  # modes whose backward in PyTorch keeps the unpadded map


@op("blur_pool")
class BlurPool(Op):
    """Each channel blurred by the binomial filter of ``size`` × ``size``, at every ``stride``-th pixel.

    The map is padded by ⌊(stride + size − 2) / 2⌋ on each side, in a mode of ``torch.nn.functional.pad``.
    Zhang, arXiv:1904.11486. The filter is fixed: no weight.
    """

    stride: Positive2 = written(2)
    size: Positive = 3
    mode: Mode = "reflect"

    examples = (
        example(on=[3, 6, 5]),
        example(size=5, mode="replicate", on=[2, 4, 7]),
        example(stride=1, size=4, mode="constant", on=[2, 5, 5]),
        example(stride=[1, 2], size=5, mode="circular", on=[2, 5, 4]),
        example(stride=1, size=1, on=[2, 3, 3]),
    )

    @property
    def _padding(self) -> tuple[int, ...]:
        return tuple((s + self.size - 2) // 2 for s in self.stride)

    @property
    def _extent(self) -> tuple[int, ...]:
        return (self.size, self.size)

    def infer(self, *inputs: Shape) -> Shape:
        x = map_of(self, inputs)
        self._check_room(x)
        sizes = slide(self, x, self._extent, self.stride, self._padding, most=self._padding)
        return Shape((x.channels, *sizes))

    def _check_room(self, x: Shape) -> None:
        """A reflection takes pixels beside the border one, a wrap no more than there are."""
        spare = {"reflect": 1, "circular": 0}.get(self.mode)
        for size, p in zip(x.spatial, self._padding, strict=True):
            if spare is not None and p > size - spare:
                raise OpError(
                    "window-too-large",
                    f'`blur_pool` pads by {p} pixels, which mode "{self.mode}" can\'t take from a size of {size}',
                    argument="size",
                    input=0,
                    found=f"{sized(self._extent)} on {sized(x.spatial)}",
                    help='mode="replicate" pads maps of any size',
                )

    def window(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        return self._extent, self.stride, self._padding

    def _padded(self, x: Shape) -> Extra:
        return Extra(Shape((x.channels, *(s + 2 * p for s, p in zip(x.spatial, self._padding, strict=True)))))

    def saves(self, inputs: Sequence[Shape], needs: Sequence[bool]) -> Saved:
        return Saved((0,) if self.mode in _KEPT_BY_PADDING else (), extras=(self._padded(inputs[0]),))

    def scratch(self, inputs: Sequence[Shape]) -> Sequence[Extra]:
        return (self._padded(inputs[0]),)

    def torch(self, *inputs: Shape) -> TorchModule:
        args = {"channels": inputs[0].channels, **compacted(self.given())}
        return TorchModule("BlurPool2d", args, positional=1, helper=_HELPER)

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        height, width = self._padding
        x, pads = inputs[0], [0, 0, 0, 0]
        if self.mode == "constant":
            pads = [height, width, height, width]
        elif self.mode in _ONNX_MODES and any(self._padding):
            amounts = e.constant([0, 0, height, width, 0, 0, height, width], "int64")
            x = e.node("Pad", [x, amounts], mode=_ONNX_MODES[self.mode])[0]
        elif self.mode == "circular":
            x = _wrapped(e, _wrapped(e, x, 2, height), 3, width)
        row = [comb(self.size - 1, i) / 2 ** (self.size - 1) for i in range(self.size)]
        blur = [[a * b for b in row] for a in row]
        channels = shapes[0].channels
        return e.node(
            "Conv",
            [x, e.constant([[blur]] * channels)],
            kernel_shape=list(self._extent),
            strides=list(self.stride),
            pads=pads,
            group=channels,
        )

    def summary(self) -> str:
        return f"{self.name} {sized(self._extent)}{step('/', self.stride, 1)}{step('p', self._padding, 0)}"


def _wrapped(e: OnnxEmitter, x: str, axis: int, padding: int) -> str:
    """Circular padding of one axis; ONNX's Pad has it from opset 19 on."""
    if not padding:
        return x
    axes, ends = e.constant([axis], "int64"), e.constant([2**62], "int64")
    last = e.node("Slice", [x, e.constant([-padding], "int64"), ends, axes])
    first = e.node("Slice", [x, e.constant([0], "int64"), e.constant([padding], "int64"), axes])
    return e.node("Concat", [*last, x, *first], axis=axis)[0]
