"""Images scaled and cropped by two matrix products: for any runtime, and for CUDA.

One matrix takes rows of pixels to the crop's columns, the other columns to its rows; their entries are the weights that
Pillow gives each pixel (its Resample.c: a filter widened by the scale, normalised over the pixels that are there). They
are computed from the image's sizes. All operators are elementary: of `Resize` some runtimes leave out ``antialias``
without a word. Sizes come from sums over pixels, not from `Shape`, since onnxruntime leaves to the CPU what follows
that; so on CUDA neither a node nor a size runs on the CPU. Bytes and rounded sums are exact in TF32, which CUDA takes
for products unless told otherwise, and weights have 11 bits: simulated, 2 to 3 of 100 pixels differ by a level.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from archc.backends.onnx.embed.plan import Plan
from archc.backends.onnx.embed.sizes import corner, lacking, resized
from archc.backends.onnx.embed.writer import Writer

_LEAST, _MOST = 0.0, 255.0  # of bytes


def crop(write: Writer, images: str, plan: Plan) -> str:
    """N × H × W × C bytes to N × C × height × width in fp32, of whole numbers."""
    places = [_places(write, images, axis) for axis in (1, 2)]
    sizes = write("Concat", *(write("ReduceMax", line, keepdims=1) for line in places), axis=0)
    scaled = resized(write, sizes, plan)
    first = corner(write, scaled, plan)
    rows, columns = (
        _matrix(write, plan, axis, line, [write("Gather", t, write.ints(axis)) for t in (sizes, scaled, first)])
        for axis, line in enumerate(places)
    )
    planes = write.cast(write("Transpose", images, perm=(0, 3, 1, 2)), "float32")
    narrow = _whole(write, write("MatMul", planes, write("Transpose", columns, perm=(1, 0))), plan)
    return _whole(write, write("MatMul", rows, narrow), plan)


def _places(write: Writer, images: str, axis: int) -> str:
    """1, 2, 3 … along an axis of the images, as int64."""
    others = [other for other in (0, 1, 2, 3) if other != axis]
    line = write("Slice", images, write.ints(0, 0, 0), write.ints(1, 1, 1), write.ints(*others))
    zeros = write("Mul", write.cast(write("Reshape", line, write.ints(-1)), "int64"), write.ints(0))
    return write("CumSum", write("Add", zeros, write.ints(1)), write.numbers(0, "int64"))


def _matrix(write: Writer, plan: Plan, axis: int, places: str, lengths: Sequence[str]) -> str:
    """Crop × side: the weight of each pixel of a side in each pixel of the crop.

    ``lengths`` are the side's own and its scaled one, and where in that the crop begins.
    """
    count, scaled, corner = (write.cast(length, "float32") for length in lengths)
    wanted = write(
        "Add", write.numbers([[i + 0.5] for i in range(plan.size[axis])]), corner
    )  # centres, in the scaled image
    centres = write("Div", write("Mul", wanted, count), scaled)  # in the image itself
    pixels = write("Sub", write.cast(places, "float32"), write.numbers(0.5))
    widening = write("Max", write("Div", count, scaled), write.numbers(1.0))
    weights = _FILTERS[plan.interpolation](write, pixels, centres, widening)
    total = write("ReduceSum", weights, write.ints(1), keepdims=1)
    if not lacking(plan)[axis]:
        return write("Div", weights, total)
    inside = _inside(write, wanted, scaled)  # beside the image there is nothing to sum over
    return write("Div", write("Mul", weights, inside), write("Add", total, write("Sub", write.numbers(1.0), inside)))


def _inside(write: Writer, centres: str, count: str) -> str:
    """1 where a centre lies within 0 … count, else 0."""
    after = write("Greater", centres, write.numbers(0.0))
    return write.cast(write("And", after, write("Less", centres, count)), "float32")


def _nearest(write: Writer, pixels: str, centres: str, widening: str) -> str:
    """1 for the pixel in which the centre lies."""
    apart = write("Sub", write("Floor", centres), write("Floor", pixels))
    return write("Relu", write("Sub", write.numbers(1.0), write("Abs", apart)))


def _distance(write: Writer, pixels: str, centres: str, widening: str) -> str:
    return write("Div", write("Abs", write("Sub", pixels, centres)), widening)


def _bilinear(write: Writer, pixels: str, centres: str, widening: str) -> str:
    """max(0, 1 − d)"""
    return write("Relu", write("Sub", write.numbers(1.0), _distance(write, pixels, centres, widening)))


def _bicubic(write: Writer, pixels: str, centres: str, widening: str) -> str:
    """Keys' cubic of a = −0.5: 1.5 d³ − 2.5 d² + 1 up to 1, and −0.5 d³ + 2.5 d² − 4 d + 2 from there to 2."""
    one, two = write.numbers(1.0), write.numbers(2.0)
    distance = _distance(write, pixels, centres, widening)
    near = _polynomial(write, write("Min", distance, one), (1.5, -2.5, 0.0, 1.0))
    far = _polynomial(write, write("Min", write("Max", distance, one), two), (-0.5, 2.5, -4.0, 2.0))
    return write("Add", near, far)  # each is 0 where the other counts


def _polynomial(write: Writer, x: str, coefficients: tuple[float, ...]) -> str:
    """By Horner's rule, the highest power first."""
    value = write.numbers(coefficients[0])
    for coefficient in coefficients[1:]:
        value = write("Add", write("Mul", value, x), write.numbers(coefficient))
    return value


def _whole(write: Writer, values: str, plan: Plan) -> str:
    """As bytes hold them after each pass, halves rounded up: Pillow's are."""
    rounded = write("Floor", write("Add", values, write.numbers(0.5)))
    if plan.interpolation != "bicubic":  # the weights of the others are never negative
        return rounded
    return write("Clip", rounded, write.numbers(_LEAST), write.numbers(_MOST))


_FILTERS: dict[str, Callable[[Writer, str, str, str], str]] = {
    "nearest": _nearest,
    "bilinear": _bilinear,
    "bicubic": _bicubic,
}
