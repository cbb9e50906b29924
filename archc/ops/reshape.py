"""Ops that lay the same numbers out anew: flatten, reshape, permute."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Annotated

from archc.ops.axes import axis_of
from archc.ops.base import Kind, OnnxEmitter, Op, OpError, Reach, TorchExpression, TorchModule, example, op
from archc.ops.kinds import Int, integer, list_of
from archc.ops.shape import Shape
from archc.ops.windows import batched

RESHAPE = '''\
class Reshape(nn.Module):
    """Lays each sample out in the given shape."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(-1, *self.shape)

    def extra_repr(self) -> str:
        return f"{self.shape}"
'''

PERMUTE = '''\
class Permute(nn.Module):
    """Puts the axes, the batch's included, into the given order."""

    def __init__(self, dims: tuple[int, ...]) -> None:
        super().__init__()
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.dims)

    def extra_repr(self) -> str:
        return f"{self.dims}"
'''


def _reach(before: Shape, after: Shape) -> list[Reach | None]:
    """A position reads its own along the axes that are untouched at either end, and all of what lies between."""
    a, b = before.dims, after.dims
    shared = min(len(a), len(b))
    head = next((i for i in range(shared) if a[i] != b[i]), shared)
    tail = next((i for i in range(shared - head) if a[-1 - i] != b[-1 - i]), shared - head)
    first = [Reach(i) for i in range(head)]
    last = [Reach(len(a) - tail + i) for i in range(tail)]
    return [*first, *[None] * (len(b) - head - tail), *last]


def onnx_reshape(e: OnnxEmitter, x: str, dims: Sequence[int]) -> list[str]:
    """An ONNX Reshape that keeps the batch, for which its 0 stands."""
    return e.node("Reshape", [x, e.constant([0, *dims], "int64")])


@op("flatten")
class Flatten(Op):
    """Makes one axis of the axes ``start_dim`` to ``end_dim``, which count the batch. ``nn.Flatten``.

    By default channels × height × width become one axis. Raises OpError("axis-out-of-range",
    "batch-axis"), and OpError("empty-range") where ``end_dim`` comes before ``start_dim``.
    """

    start_dim: Int = 1
    end_dim: Int = -1

    view = True
    keeps_input = False
    examples = (
        example(on=[3, 4, 5]),
        example(2, on=[3, 4, 5]),
        example(1, 2, on=[3, 4, 5]),
        example(end_dim=-2, on=[3, 4, 5]),
        example(on=[7]),
    )

    def _range(self, x: Shape) -> tuple[int, int]:
        """First and last axis, as places in ``x.dims``."""
        return axis_of(self, "start_dim", self.start_dim, x), axis_of(self, "end_dim", self.end_dim, x)

    def infer(self, *inputs: Shape) -> Shape:
        x = batched(self, inputs)
        start, end = self._range(x)
        if start > end:
            raise OpError(
                "empty-range",
                "`flatten` needs `end_dim` at or after `start_dim`",
                argument="end_dim",
                found=f"axis {end + 1} comes before axis {start + 1}",
            )
        return Shape((*x.dims[:start], prod(x.dims[start : end + 1]), *x.dims[end + 1 :]))

    def reach(self, inputs: Sequence[Shape], output: Shape) -> Sequence[Reach | None]:
        return _reach(inputs[0], output)

    def torch(self, *inputs: Shape) -> TorchModule:
        return TorchModule("nn.Flatten", self.given(), positional=2 if "start_dim" in self.given() else 0)

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        (x,) = shapes
        start, end = self._range(x)
        if start == end:
            return list(inputs)
        if (start, end) == (0, len(x.dims) - 1):
            return e.node("Flatten", inputs, axis=1)
        return onnx_reshape(e, inputs[0], self.infer(x).dims)


def _size_or_rest(v: object) -> int:
    """A size, or −1 for the one that follows from the others."""
    return -1 if v == -1 and isinstance(v, int) else integer(1).check(v)


_SIZES = list_of(Kind("", _size_or_rest), "integers of 1 or more, one of which may be -1")


@op("reshape")
class Reshape(Op):
    """The same numbers in ``shape``, which leaves the batch out; one size may be −1 and then follows from the others.

    ``torch.reshape``. Raises OpError("shape-mismatch") where the numbers don't fit.
    """

    shape: Annotated[tuple[int, ...], _SIZES]

    view = True
    keeps_input = False
    examples = (
        example([1, 12], on=[12]),
        example([2, 6, 5], on=[3, 4, 5]),
        example([-1, 4, 5], on=[3, 4, 5]),
        example(shape=[60], on=[3, 4, 5]),
    )

    def infer(self, *inputs: Shape) -> Shape:
        x = batched(self, inputs)
        known = prod(s for s in self.shape if s != -1)
        rests = self.shape.count(-1)
        if rests > 1:
            raise OpError(
                "shape-mismatch",
                "`reshape` can work out one size only",
                argument="shape",
                found=f"-1 stands {rests} times",
            )
        if x.numel % known or (not rests and x.numel != known):
            raise OpError(
                "shape-mismatch",
                "`reshape` must keep the number of elements",
                argument="shape",
                found=f"{known} elements, the input {x} has {x.numel}",
                help="the batch is not part of `shape`; one size may be -1",
            )
        return Shape(tuple(x.numel // known if s == -1 else s for s in self.shape))

    def reach(self, inputs: Sequence[Shape], output: Shape) -> Sequence[Reach | None]:
        return _reach(inputs[0], output)

    def torch(self, *inputs: Shape) -> TorchExpression:
        sizes = ", ".join(map(str, self.infer(*inputs).dims))
        return TorchExpression(f"{{0}}.reshape(-1, {sizes})")

    def torch_module(self, *inputs: Shape) -> TorchModule:
        return TorchModule("Reshape", {"shape": self.infer(*inputs).dims}, positional=1, helper=RESHAPE)

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        dims = self.infer(*shapes).dims
        return list(inputs) if dims == shapes[0].dims else onnx_reshape(e, inputs[0], dims)

    def summary(self) -> str:
        return f"reshape {'×'.join(map(str, self.shape))}"


@op("permute")
class Permute(Op):
    """The axes in the order ``dims``, which names all of them, the batch (0, at its place) included. ``torch.permute``.

    Raises OpError("axis-out-of-range"), OpError("rank-mismatch") where ``dims`` does not name
    every axis once, OpError("batch-axis") where it moves the batch.
    """

    dims: Annotated[tuple[int, ...], list_of(integer(), "integers")]

    view = True
    keeps_input = False
    examples = (
        example([0, 2, 3, 1], on=[3, 4, 5]),
        example([0, 3, 1, 2], on=[3, 4, 5]),
        example([0, -1, 1], on=[3, 4]),
        example([0, 1, 2], on=[3, 4]),
    )

    def _order(self, x: Shape) -> tuple[int, ...]:
        """Places in ``x.dims``."""
        batched(self, [x])
        if self.dims and self.dims[0] in (0, -x.rank) and len(self.dims) == x.rank:
            order = tuple(axis_of(self, "dims", d, x) for d in self.dims[1:])
            if len(set(order)) == len(order):
                return order
        example = ", ".join(map(str, range(x.rank)))
        moved = len(self.dims) == x.rank and sorted(self.dims) == list(range(x.rank))
        raise OpError(
            "batch-axis" if moved else "rank-mismatch",
            "`permute` must leave the batch first" if moved else "`dims` of `permute` must name every axis once",
            argument="dims",
            found=f"this is {list(self.dims)}, the input has {x.rank} axes with the batch: N × {x}",
            help=f"an order of [{example}] that begins with 0",
        )

    def infer(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        return Shape(tuple(x.dims[i] for i in self._order(x)))

    def reach(self, inputs: Sequence[Shape], output: Shape) -> Sequence[Reach | None]:
        return [Reach(i) for i in self._order(inputs[0])]

    def torch(self, *inputs: Shape) -> TorchExpression:
        return TorchExpression(f"{{0}}.permute({', '.join(map(str, self.dims))})")

    def torch_module(self, *inputs: Shape) -> TorchModule:
        return TorchModule("Permute", {"dims": self.dims}, positional=1, helper=PERMUTE)

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        order = self._order(shapes[0])
        if order == tuple(range(len(order))):
            return list(inputs)
        return e.node("Transpose", inputs, perm=[0, *(i + 1 for i in order)])

    def summary(self) -> str:
        return f"permute {','.join(map(str, self.dims))}"
