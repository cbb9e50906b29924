"""Axes as PyTorch counts them: with the batch, and from either end."""

from __future__ import annotations

from archc.ops.base import Op, OpError
from archc.ops.shape import Shape


def axis_of(op: Op, argument: str, value: int, shape: Shape) -> int:
    """An axis as PyTorch counts it, with the batch, from either end; given as a place in ``shape.dims``.

    Raises OpError("axis-out-of-range") if there is no such axis, OpError("batch-axis") if it is that of the batch.
    """
    first = int(shape.batched)
    axis = value + shape.rank if value < 0 else value
    if not 0 <= axis < shape.rank:
        raise OpError(
            "axis-out-of-range",
            f"`{argument}` of `{op.name}` is no axis of its input",
            argument=argument,
            found=f"{value} is not from {-shape.rank} to {shape.rank - 1}, the axes of {_with_batch(shape)}",
        )
    if axis < first:
        raise OpError(
            "batch-axis",
            f"`{op.name}` can't work on the axis of the batch",
            argument=argument,
            found=f"axis {value} of {_with_batch(shape)} is the batch",
            help="the channels are axis 1",
        )
    return axis - first


def _with_batch(shape: Shape) -> str:
    return f"N × {shape}" if shape.batched else str(shape)
