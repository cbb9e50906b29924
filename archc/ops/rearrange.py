"""Ops that move the pixels or channels of a map: space_to_depth, channel_shuffle."""

from __future__ import annotations

from collections.abc import Sequence

from archc.ops.base import OnnxEmitter, Op, OpError, Reach, TorchModule, example, op
from archc.ops.kinds import Positive
from archc.ops.reshape import onnx_reshape
from archc.ops.shape import Shape
from archc.ops.windows import map_of

SPACE_TO_DEPTH = '''\
class SpaceToDepth(nn.Module):
    """Moves pixels into channels: pixel (i, j) of a square of channel c becomes channel (i * block + j) * C + c."""

    def __init__(self, block: int) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        x = x.unflatten(3, (-1, self.block)).unflatten(2, (-1, self.block))
        return x.permute(0, 3, 5, 1, 2, 4).clone(memory_format=torch.contiguous_format).flatten(1, 3)

    def extra_repr(self) -> str:
        return f"{self.block}"
'''


@op("space_to_depth")
class SpaceToDepth(Op):
    """C × H × W to C·block² × H/block × W/block: pixel (i, j) of a square of channel c is channel (i·block + j)·C + c.

    This is the order of ONNX's SpaceToDepth, not that of ``nn.PixelUnshuffle``. Raises
    OpError("rank-mismatch"), OpError("shape-mismatch") where ``block`` does not divide height and width.
    """

    block: Positive

    keeps_input = False
    examples = (example(2, on=[3, 4, 6]), example(block=3, on=[2, 6, 3]), example(2, on=[1, 2, 2]))

    def infer(self, *inputs: Shape) -> Shape:
        x = map_of(self, inputs)
        channels, height, width = x.dims
        if height % self.block or width % self.block:
            raise OpError(
                "shape-mismatch",
                "`block` of `space_to_depth` must divide height and width",
                argument="block",
                found=f"{self.block} does not divide {height} × {width}",
                help="`pad` the map, or choose another input size",
            )
        return Shape((channels * self.block**2, height // self.block, width // self.block))

    def reach(self, inputs: Sequence[Shape], output: Shape) -> Sequence[Reach | None]:
        return [Reach(0), Reach(1, self.block, self.block), Reach(2, self.block, self.block)]

    def torch(self, *inputs: Shape) -> TorchModule:
        return TorchModule("SpaceToDepth", {"block": self.block}, positional=1, helper=SPACE_TO_DEPTH)

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        return e.node("SpaceToDepth", inputs, blocksize=self.block)

    def summary(self) -> str:
        return f"space_to_depth {self.block}"


@op("channel_shuffle")
class ChannelShuffle(Op):
    """Channel i of group g becomes channel i·groups + g. ``nn.ChannelShuffle``; Zhang et al. 2018, figure 1.

    Keeps the shape. Raises OpError("rank-mismatch"), OpError("groups-indivisible").
    """

    groups: Positive

    keeps_input = False
    examples = (example(2, on=[8, 3, 4]), example(groups=3, on=[6, 2, 2]), example(1, on=[4, 3, 3]))

    def infer(self, *inputs: Shape) -> Shape:
        x = map_of(self, inputs)
        if x.channels % self.groups:
            raise OpError(
                "groups-indivisible",
                "`groups` of `channel_shuffle` must divide the channels",
                argument="groups",
                found=f"{self.groups} does not divide {x.channels}",
            )
        return x

    def torch(self, *inputs: Shape) -> TorchModule:
        return TorchModule("nn.ChannelShuffle", {"groups": self.groups}, positional=1)

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        channels, *spatial = shapes[0].dims
        if self.groups in (1, channels):
            return list(inputs)
        (x,) = onnx_reshape(e, inputs[0], [self.groups, channels // self.groups, *spatial])
        (x,) = e.node("Transpose", [x], perm=[0, 2, 1, 3, 4])
        return onnx_reshape(e, x, [channels, *spatial])

    def summary(self) -> str:
        return f"channel_shuffle {self.groups}"
