"""Averages before a 1 × 1 convolution in place of after it, where that leaves fewer pixels to convolve."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from archc.backends.onnx.passes.base import Change, ProgramPass
from archc.backends.onnx.passes.patterns import bias, keeps_constants, pointwise
from archc.backends.onnx.program import OnnxNode, Program, TensorType


class _Pair(NamedTuple):
    conv: OnnxNode
    pool: OnnxNode
    pooled: TensorType  # the pool's output, once it stands in front


class PoolBeforeConv(ProgramPass):
    """Swaps a 1 × 1 convolution and the average pool behind it, where the pool makes the map smaller.

    Both are linear, one along channels, the other along pixels, and an average keeps a bias as it is: the output is the
    same up to rounding. Where padding counts as zeros it does not keep it, and only a convolution without one is
    swapped. DenseNet's transitions (Huang et al., arXiv:1608.06993) then convolve a quarter of the pixels.
    """

    name = "pool-before-conv"
    summary = "an average pool goes before the 1 × 1 convolution in front of it, which then has fewer pixels"

    def run(self, program: Program) -> list[Change]:
        found = [pair for pool in program.of_type("AveragePool", "GlobalAveragePool") if (pair := _pair(program, pool))]
        return [_swap(program, pair) for pair in found]


def _pair(program: Program, pool: OnnxNode) -> _Pair | None:
    conv = program.producer(pool.inputs[0])
    if conv is None or conv.op_type != "Conv" or program.only_consumer(pool.inputs[0]) is not pool:
        return None
    before, after = program.shape(conv.inputs[0]), program.shape(pool.outputs[0])
    if before is None or after is None or not pointwise(program, conv):
        return None
    if not _fewer(after[2:], before[2:]) or (bias(conv) and not keeps_constants(program, pool)):
        return None
    return _Pair(conv, pool, TensorType((*before[:2], *after[2:]), program.dtype(conv.inputs[0]) or "float32"))


def _fewer(after: tuple[int | str, ...], before: tuple[int | str, ...]) -> bool:
    return prod(n for n in after if isinstance(n, int)) < prod(n for n in before if isinstance(n, int))


def _swap(program: Program, pair: _Pair) -> Change:
    conv, pool, result = pair.conv, pair.pool, pair.pool.outputs[0]
    program.remove(pool)
    (pooled,) = program.add(pool.op_type, conv.inputs[:1], like=pool, type=pair.pooled, **pool.attributes)
    program.set_inputs(conv, [pooled, *conv.inputs[1:]])
    program.set_output(conv, 0, result)
    return Change(conv.layer, f"convolves what {pool.layer} has averaged")


rewrite = PoolBeforeConv()
