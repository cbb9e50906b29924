"""How large an image becomes before the crop, and where the crop lies: torchvision's arithmetic, as nodes.

Sizes are int64 vectors of height and width, so that one node does for both.
"""

from __future__ import annotations

from archc.backends.onnx.embed.plan import Plan
from archc.backends.onnx.embed.writer import Writer


def resized(write: Writer, sizes: str, plan: Plan) -> str:
    """The sizes after scaling images of ``sizes``, of one ratio.

    With `resize`: the shorter side gets that length, the longer is cut to an integer. Without: the image just covers
    the input, the longer side rounded half to even.
    """
    if plan.resize is not None:
        shorter = write("ReduceMin", sizes, keepdims=1)
        return write("Div", write("Mul", sizes, write.ints(plan.resize)), shorter, name="resized")
    exact = write.cast(sizes, "float64")
    scale = write("ReduceMax", write("Div", write.numbers(plan.size, "float64"), exact), keepdims=1)
    covering = write.cast(write("Round", write("Mul", exact, scale)), "int64")
    return write("Max", covering, write.ints(*plan.size), name="resized")


def corner(write: Writer, scaled: str, plan: Plan) -> str:
    """The crop's upper left corner in images of the sizes ``scaled``, as fp32; negative where they are smaller.

    Of what is left over one half goes before, rounded half to even, as Python does; of what is lacking, the smaller
    half.
    """
    half = write("Mul", write.cast(write("Sub", scaled, write.ints(*plan.size)), "float32"), write.numbers(0.5))
    middle = write("Round", half)
    if not any(lacking(plan)):
        return middle
    return write("Max", middle, write("Ceil", write("Min", half, write.numbers(0.0))), name="corner")


def lacking(plan: Plan) -> tuple[int, int]:
    """How much smaller than the crop a scaled image may be, in height and in width."""
    shortest = plan.size if plan.resize is None else (plan.resize, plan.resize)
    height, width = (max(0, wanted - least) for wanted, least in zip(plan.size, shortest, strict=True))
    return height, width
