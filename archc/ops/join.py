"""Ops that join tensors: concat, add, mul, tuple. They take lists of tensors apart, and parameters as they are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import ClassVar

from archc.ops.base import Extra, OnnxEmitter, Op, OpError, Saved, TorchExpression, example, op
from archc.ops.shape import Shape

BATCH = 0  # stands for the size of the batch, which is not known; no other axis has this size

SAME_SHAPE = "where they differ, a 1 × 1 convolution with the main path's stride and channels makes the shapes equal"


def _axes(shape: Shape, rank: int) -> list[int]:
    """All axes, the batch's too, with ones put in front up to ``rank``."""
    sizes = [BATCH, *shape.dims] if shape.batched else list(shape.dims)
    return [1] * (rank - len(sizes)) + sizes


def broadcast(a: Shape, b: Shape) -> Shape | None:
    """The common shape by PyTorch's rules: axes are paired from the right, and a 1 stretches. None if there is none.

    https://docs.pytorch.org/docs/stable/notes/broadcasting.html
    """
    rank = max(a.rank, b.rank)
    sizes: list[int] = []
    for x, y in zip(_axes(a, rank), _axes(b, rank), strict=True):
        if x != y and 1 not in (x, y):
            return None
        sizes.append(y if x == 1 else x)
    if BATCH in sizes[1:]:  # the batch of one would stand beside another axis of the other
        return None
    batched = sizes[:1] == [BATCH]
    return Shape(tuple(sizes[batched:]), batched)


def _refuse(op: Op, index: int, shape: Shape, against: Shape, needs: str, help: str | None) -> OpError:
    """The error that input ``index`` does not fit those before it."""
    ranks = shape.rank != against.rank
    return OpError(
        "rank-mismatch" if ranks and shape.batched and against.batched else "shape-mismatch",
        f"`{op.name}` needs inputs of {needs}",
        input=index,
        found=f"{_described(shape)}, against {_described(against)}",
        help=help,
    )


def _described(shape: Shape) -> str:
    return str(shape) if shape.batched else f"a parameter of {shape}"


@op("concat")
class Concat(Op):
    """All inputs one after the other along axis 1, the channels; all else is equal. ``torch.cat``.

    Raises OpError("shape-mismatch") where heights or widths differ, OpError("rank-mismatch") where numbers of axes do.
    """

    arity = None
    keeps_input = False
    examples = (
        example(on=[[3, 4, 5], [2, 4, 5]]),
        example(on=[[3, 4, 5], [1, 4, 5], [2, 4, 5]]),
        example(on=[[3], [4]]),
        example(on=[[3, 2, 2]]),
    )

    def infer(self, *inputs: Shape) -> Shape:
        first = inputs[0]
        axis = 0 if first.batched else 1
        if not axis < len(first.dims):
            raise OpError(
                "rank-mismatch", "`concat` joins along axis 1", input=0, found=f"{_described(first)} has no axis 1"
            )
        for i, shape in enumerate(inputs):
            if self._around(shape, axis) != self._around(first, axis) or shape.batched != first.batched:
                raise _refuse(self, i, shape, first, "one height and width", self._help(shape, first))
        channels = sum(shape.dims[axis] for shape in inputs)
        return Shape((*first.dims[:axis], channels, *first.dims[axis + 1 :]), first.batched)

    @staticmethod
    def _around(shape: Shape, axis: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return shape.dims[:axis], shape.dims[axis + 1 :]

    @staticmethod
    def _help(shape: Shape, first: Shape) -> str | None:
        if len(shape.spatial) == len(first.spatial) == 2:
            return "strides and paddings of the branches must agree; `resize_like` brings one map to another's size"
        return None

    def torch(self, *inputs: Shape) -> TorchExpression:
        return TorchExpression(f"torch.cat([{', '.join(f'{{{i}}}' for i in range(len(inputs)))}], 1)")

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        return e.node("Concat", inputs, axis=1) if len(inputs) > 1 else list(inputs)


class Elementwise(Op):
    """A binary operation over all inputs, from the left, shapes broadcast as PyTorch does.

    Two maps need equal shapes but for sizes of 1: C × 1 × 1 goes with C × H × W. A parameter, which has no batch, is
    paired from the right. Raises OpError("shape-mismatch"), OpError("rank-mismatch").
    """

    symbol: ClassVar[str]
    augments: ClassVar[bool] = False  # the backward needs neither input, so that the first may be overwritten
    onnx_type: ClassVar[str]
    arity = None

    def infer(self, *inputs: Shape) -> Shape:
        joined = inputs[0]
        for i, shape in enumerate(inputs[1:], 1):
            both = broadcast(joined, shape)
            if both is None:
                raise _refuse(self, i, shape, joined, "one shape", self._help(shape, joined))
            joined = both
        return joined

    @staticmethod
    def _help(shape: Shape, against: Shape) -> str | None:
        if shape.rank == against.rank:
            return SAME_SHAPE
        return "axes are paired from the right: `reshape`, `flatten` or `global_avg_pool` can make them as many"

    def torch(self, *inputs: Shape) -> TorchExpression:
        if len(inputs) == 1:
            return TorchExpression("{0}.clone()")
        template = f" {self.symbol} ".join(f"{{{i}}}" for i in range(len(inputs)))
        augmented = f"{{0}} {self.symbol}= {{1}}" if self.augments and len(inputs) == 2 else None
        return TorchExpression(template, atom=False, augmented=augmented)

    def scratch(self, inputs: Sequence[Shape]) -> Sequence[Extra]:
        return (Extra(self.infer(*inputs[:-1])),) if len(inputs) > 2 else ()  # the result of all but the last

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        return [reduce(lambda a, b: e.node(self.onnx_type, [a, b])[0], inputs)]


@op("add")
class Add(Elementwise):
    """The sum of all inputs, broadcast. ``torch.add``; residual connections: He et al. 2016."""

    symbol = "+"
    augments = True
    onnx_type = "Add"
    keeps_input = False
    examples = (
        example(on=[[3, 4, 5], [3, 4, 5]]),
        example(on=[[3, 4, 5], [3, 1, 1], [3, 4, 5]]),
        example(on=[[3, 4, 5], Shape((3, 1, 1), batched=False)]),
        example(on=[[7], [7]]),
        example(on=[[3, 2, 2]]),
    )


@op("mul")
class Mul(Elementwise):
    """The product of all inputs, broadcast. ``torch.mul``; squeeze-and-excitation: Hu et al. 2018."""

    symbol = "*"
    onnx_type = "Mul"
    examples = (
        example(on=[[3, 1, 1], [3, 4, 5]]),
        example(on=[[3, 4, 5], [1, 4, 5]]),
        example(on=[Shape((3, 1, 1), batched=False), [3, 4, 5]]),
        example(on=[[7], [7], [1]]),
        example(on=[Shape((2, 3), batched=False), Shape((3,), batched=False)]),
    )

    def saves(self, inputs: Sequence[Shape], needs: Sequence[bool]) -> Saved:
        # Each product keeps a factor where the other needs a gradient.
        kept: set[int] = set()
        extras: list[Extra] = []
        before = needs[0]
        for i in range(1, len(inputs)):
            if needs[i]:
                kept |= {0} if i == 1 else set()
                extras += [Extra(self.infer(*inputs[:i]))] if i > 1 else []
            if before:
                kept.add(i)
            before |= needs[i]
        return Saved(tuple(sorted(kept)), extras=tuple(extras))


@op("tuple")
class Tuple(Op):
    """All inputs as a list, which may be empty. It computes nothing: it is wiring."""

    arity = None
    view = True
    keeps_input = False
    examples = (example(on=[[3, 4, 5], [2]]), example(on=[[3, 4, 5]]), example(on=[]))

    def infer(self, *inputs: Shape) -> list[Shape]:
        return list(inputs)

    def torch(self, *inputs: Shape) -> TorchExpression:
        places = ", ".join(f"{{{i}}}" for i in range(len(inputs)))
        return TorchExpression(f"({places},)" if len(inputs) == 1 else f"({places})")

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        return list(inputs)
