"""A 1 × 1 convolution before an average pool in place of after it, where that leaves fewer channels to pool."""

from __future__ import annotations

from archc.backends.onnx.passes.base import Change, ProgramPass
from archc.backends.onnx.passes.patterns import bias, keeps_constants, pointwise, window
from archc.backends.onnx.program import OnnxNode, Program, TensorType


class ConvBeforePool(ProgramPass):
    """Swaps an average pool that keeps the map's size and the 1 × 1 convolution behind it, if that reduces channels.

    As in the pool branches of Inception (Szegedy et al., arXiv:1512.00567). Both are linear, one along channels, the
    other along pixels. Where the pool's padding counts, the convolution is given it: beyond the border it makes the
    bias then, so that an average of the bias stays the bias. The output is the same up to rounding.
    """

    name = "conv-before-pool"
    summary = "a 1 × 1 convolution to fewer channels goes before the average pool in front of it"

    def run(self, program: Program) -> list[Change]:
        return [change for pool in program.of_type("AveragePool") if (change := _rewrite(program, pool))]


def _rewrite(program: Program, pool: OnnxNode) -> Change | None:
    following = program.chain(pool, "Conv")
    if following is None or not pointwise(program, following[0]):
        return None
    (conv,) = following
    before, after = program.shape(pool.inputs[0]), program.shape(conv.outputs[0])
    if before is None or after is None or before[2:] != after[2:] or not _fewer(after[1], before[1]):
        return None
    if keeps_constants(program, pool) or not bias(conv):
        return _swap(program, pool, conv, None)
    found = window(program, pool)
    if found is None or pool.attributes.get("ceil_mode", 0):
        return None
    return _swap(program, pool, conv, found.pads)


def _fewer(after: int | str, before: int | str) -> bool:
    return isinstance(after, int) and isinstance(before, int) and after < before


def _swap(program: Program, pool: OnnxNode, conv: OnnxNode, pads: tuple[int, ...] | None) -> Change:
    """``pads`` are those that the convolution takes over."""
    source, result = pool.inputs[0], conv.outputs[0]
    before, after = program.shape(source) or (), program.shape(result) or ()
    sizes = list(after[2:])
    if pads:
        half = len(pads) // 2
        sizes = [n + a + b for n, a, b in zip(before[2:], pads[:half], pads[half:], strict=True) if isinstance(n, int)]
        conv.attributes = {**conv.attributes, "pads": list(pads)}
        pool.attributes = {**pool.attributes, "pads": [0] * len(pads)}
    inner = program.unique(f"{conv.layer}.Conv")
    program.types[inner] = TensorType((*after[:2], *sizes), program.dtype(result) or "float32")
    program.set_output(conv, 0, inner)
    program.set_inputs(conv, [source, *conv.inputs[1:]])
    program.set_output(pool, 0, result)
    program.set_inputs(pool, [inner])
    return Change(pool.layer, f"averages what {conv.layer} has convolved")


rewrite = ConvBeforePool()
