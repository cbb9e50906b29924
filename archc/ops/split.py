"""Ops that take channels apart: chunk, split, slice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from archc.ops.base import OnnxEmitter, Op, OpError, TorchExpression, TorchModule, example, op
from archc.ops.kinds import Int, Positive, integer, optional
from archc.ops.shape import Shape
from archc.ops.windows import batched

CHUNK = '''\
class Chunk(nn.Module):
    """Cuts the channels into so many parts."""

    def __init__(self, chunks: int) -> None:
        super().__init__()
        self.chunks = chunks

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return x.chunk(self.chunks, 1)

    def extra_repr(self) -> str:
        return f"{self.chunks}"
'''

SPLIT = '''\
class Split(nn.Module):
    """Cuts the channels into parts of the given size."""

    def __init__(self, split_size: int) -> None:
        super().__init__()
        self.split_size = split_size

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return x.split(self.split_size, 1)

    def extra_repr(self) -> str:
        return f"{self.split_size}"
'''

SLICE = '''\
class Slice(nn.Module):
    """The channels from start on, up to stop."""

    def __init__(self, start: int = 0, stop: int | None = None) -> None:
        super().__init__()
        self.start = start
        self.stop = stop

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self.start : self.stop]

    def extra_repr(self) -> str:
        return f"{self.start}, {self.stop}"
'''


MOST_PARTS = 10_000


def _parts(x: Shape, size: int) -> list[Shape]:
    """Parts of ``size`` channels; the last one takes what remains. Raises OpError("too-many-parts")."""
    count = -(-x.channels // size)
    if count > MOST_PARTS:
        raise OpError("too-many-parts", f"{x.channels:,} channels would become {count:,} tensors", found=str(x))
    return [Shape((min(size, x.channels - i), *x.spatial)) for i in range(0, x.channels, size)]


def _onnx_split(e: OnnxEmitter, x: str, parts: Sequence[Shape]) -> list[str]:
    if len(parts) == 1:
        return [x]
    return e.node("Split", [x, e.constant([p.channels for p in parts], "int64")], outputs=len(parts), axis=1)


@op("chunk")
class Chunk(Op):
    """At most ``chunks`` parts of the channels, as a list: all of ⌈C / chunks⌉ channels, the last maybe smaller.

    Fewer parts than asked come out where those fill C already, as from ``torch.chunk``. Raises
    OpError("rank-mismatch").
    """

    chunks: Positive

    view = True
    keeps_input = False
    examples = (example(2, on=[6, 2, 3]), example(3, on=[7, 2, 3]), example(4, on=[6]), example(chunks=1, on=[3, 2, 2]))

    def infer(self, *inputs: Shape) -> list[Shape]:
        x = batched(self, inputs)
        return _parts(x, -(-x.channels // self.chunks))

    def torch(self, *inputs: Shape) -> TorchExpression:
        return TorchExpression(f"{{0}}.chunk({self.chunks}, 1)")

    def torch_module(self, *inputs: Shape) -> TorchModule:
        return TorchModule("Chunk", {"chunks": self.chunks}, positional=1, helper=CHUNK)

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        return _onnx_split(e, inputs[0], self.infer(*shapes))

    def summary(self) -> str:
        return f"chunk {self.chunks}"


@op("split")
class Split(Op):
    """Parts of ``split_size`` channels, as a list; the last maybe smaller. ``torch.split``.

    Raises OpError("rank-mismatch").
    """

    split_size: Positive

    view = True
    keeps_input = False
    examples = (example(2, on=[6, 2, 3]), example(3, on=[7, 2, 3]), example(split_size=8, on=[6]))

    def infer(self, *inputs: Shape) -> list[Shape]:
        x = batched(self, inputs)
        return _parts(x, self.split_size)

    def torch(self, *inputs: Shape) -> TorchExpression:
        return TorchExpression(f"{{0}}.split({self.split_size}, 1)")

    def torch_module(self, *inputs: Shape) -> TorchModule:
        return TorchModule("Split", {"split_size": self.split_size}, positional=1, helper=SPLIT)

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        return _onnx_split(e, inputs[0], self.infer(*shapes))

    def summary(self) -> str:
        return f"split {self.split_size}"


@op("slice")
class Slice(Op):
    """The channels from ``start`` on, up to ``stop``, which is left out; as Python slices, with negatives from the end.

    Raises OpError("empty-range") where no channel is left.
    """

    start: Int = 0
    stop: Annotated[int | None, optional(integer())] = None

    view = True
    keeps_input = False
    examples = (
        example(2, on=[6, 2, 3]),
        example(1, 4, on=[6, 2, 3]),
        example(stop=-1, on=[6]),
        example(-2, on=[5, 2, 2]),
        example(0, 100, on=[3, 2, 2]),
    )

    def _kept(self, x: Shape) -> range:
        return range(x.channels)[self.start : self.stop]

    def infer(self, *inputs: Shape) -> Shape:
        x = batched(self, inputs)
        kept = self._kept(x)
        if not kept:
            raise OpError(
                "empty-range",
                "`slice` leaves no channel",
                found=f"{self._text()} of {x.channels} channels",
                help="channels are counted from 0, and `stop` is left out",
            )
        return Shape((len(kept), *x.spatial))

    def _text(self) -> str:
        """``2:``, ``:4``, ``1:4``."""
        return f"{self.start or ''}:{'' if self.stop is None else self.stop}"

    def torch(self, *inputs: Shape) -> TorchExpression:
        return TorchExpression(f"{{0}}[:, {self._text()}]")

    def torch_module(self, *inputs: Shape) -> TorchModule:
        return TorchModule("Slice", {"start": self.start, "stop": self.stop}, positional=2, helper=SLICE)

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        kept = self._kept(shapes[0])
        if len(kept) == shapes[0].channels:
            return list(inputs)
        bounds = ([kept.start], [kept.stop], [1])
        return e.node("Slice", [inputs[0], *(e.constant(b, "int64") for b in bounds)])

    def summary(self) -> str:
        return f"slice {self._text()}"
