"""Ops that change height and width by interpolation: upsample, resize_like."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor, inf
from typing import TYPE_CHECKING, Annotated, Any

from archc.ops.base import Kind, OnnxEmitter, Op, OpError, Reach, TorchExpression, TorchModule, example, op
from archc.ops.kinds import BOOLEAN, choice, optional
from archc.ops.shape import Shape
from archc.ops.windows import map_of

if TYPE_CHECKING:
    from archc.ops.base import Array

Mode = Annotated[str, choice("nearest", "bilinear", "bicubic")]


def _factor(v: Any) -> int | float:
    """A positive number, as it is written."""
    if isinstance(v, bool) or not isinstance(v, int | float) or not 0 < v < inf:
        raise ValueError
    return v


def _onnx_nearest(e: OnnxEmitter, x: str, before: Shape, after: Shape, steps: Sequence[float]) -> list[str]:
    """Nearest pixels as PyTorch chooses them on a CPU: ⌊j · step⌋ in float32.

    ONNX's Resize takes ⌊j / scale⌋, which its rounding may put elsewhere; there, the pixels are named one by one.
    """
    import numpy as np

    sizes = list(zip(before.spatial, after.spatial, strict=True))
    chosen = [_pixels(n, m, step) for (n, m), step in zip(sizes, steps, strict=True)]
    resized = [np.floor(np.arange(m, dtype=np.float32) / (np.float32(m) / np.float32(n))) for n, m in sizes]
    if all(map(np.array_equal, chosen, resized)):
        how: dict[str, Any] = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return e.node("Resize", [x, "", "", e.constant([*after.spatial], "int64")], **how, axes=[2, 3], mode="nearest")
    for axis, ((n, m), pixels) in enumerate(zip(sizes, chosen, strict=True), 2):
        if n != m:
            (x,) = e.node("Gather", [x, e.constant(pixels, "int64")], axis=axis)
    return [x]


def _pixels(before: int, after: int, step: float) -> Array:
    """For each position of an axis, the pixel that PyTorch gives it."""
    import numpy as np

    if before == after:
        return np.arange(after, dtype=np.float32)
    return np.floor(np.arange(after, dtype=np.float32) * np.float32(step)).clip(max=before - 1)


def _onnx_resize(
    e: OnnxEmitter, x: str, mode: str, align_corners: bool, *, sizes: str = "", scales: str = ""
) -> list[str]:
    """A Resize of height and width that computes positions as PyTorch does. Either ``sizes`` or ``scales`` is given."""
    return e.node(
        "Resize",
        [x, "", scales, sizes] if sizes else [x, "", scales],
        axes=[2, 3],
        mode={"bilinear": "linear", "bicubic": "cubic"}[mode],
        coordinate_transformation_mode="align_corners" if align_corners else "half_pixel",
        cubic_coeff_a=-0.75 if mode == "bicubic" else None,
    )


def _reads(mode: str, align_corners: bool, before: int, after: int, step: Fraction) -> list[tuple[int, int]]:
    """The first and last of ``before`` positions that each of ``after`` positions reads, ``step`` apart."""
    if mode == "nearest":
        nearest = (min(floor(j * step), before - 1) for j in range(after))
        return [(i, i) for i in nearest]
    first, last = (-1, 2) if mode == "bicubic" else (0, 1)
    shift = Fraction(0) if align_corners else (step - 1) / 2
    base = [floor(j * step + shift) for j in range(after)]
    return [(_within(i + first, before), _within(i + last, before)) for i in base]


def _within(i: int, size: int) -> int:
    return min(max(i, 0), size - 1)


def _reach(mode: str, align_corners: bool, before: Shape, after: Shape, steps: Sequence[Fraction]) -> list[Reach]:
    reach = [Reach(0)]
    for axis, step in enumerate(steps, 1):
        a, b = before.dims[axis], after.dims[axis]
        if align_corners:
            step = Fraction(a - 1, b - 1) if b > 1 else Fraction(0)
        reach.append(Reach.spanning(axis, _reads(mode, align_corners, a, b, step), step))
    return reach


@op("upsample")
class Upsample(Op):
    """C × H × W to C × ⌊factor · H⌋ × ⌊factor · W⌋, by ``mode``. ``nn.Upsample``.

    Raises OpError("rank-mismatch"); OpError("wrong-argument") for ``align_corners`` with mode "nearest", and for a
    factor too near 1 to change the size, of which PyTorch makes one thing on a CPU and another on a GPU;
    OpError("window-too-large") where nothing is left.
    """

    scale_factor: Annotated[float, Kind("a number above 0", _factor)]
    mode: Mode = "nearest"
    align_corners: Annotated[bool | None, optional(BOOLEAN)] = None

    keeps_input = False
    examples = (
        example(2, on=[3, 4, 5]),
        example(2, "bilinear", on=[3, 4, 5]),
        example(2, mode="bilinear", align_corners=True, on=[3, 4, 5]),
        example(3, "bicubic", on=[2, 3, 4]),
        example(2, "bicubic", True, on=[2, 3, 4]),
        example(1.5, on=[2, 5, 4]),
        example(1.3, "bilinear", on=[2, 10, 7]),
        example(0.5, "bilinear", False, on=[2, 6, 5]),
    )

    def infer(self, *inputs: Shape) -> Shape:
        x = map_of(self, inputs)
        if self.align_corners is not None and self.mode == "nearest":
            raise OpError(
                "wrong-argument",
                '`align_corners` of `upsample` goes with mode "bilinear" or "bicubic"',
                argument="align_corners",
                found='the mode is "nearest"',
            )
        height, width = (floor(n * float(self.scale_factor)) for n in x.spatial)
        if min(height, width) < 1:
            raise OpError(
                "window-too-large",
                "`upsample` leaves nothing of its input",
                argument="scale_factor",
                input=0,
                found=f"{x} times {self.scale_factor:g} is {height} × {width}",
            )
        if (height, width) == x.spatial and self.scale_factor != 1:
            raise OpError(
                "wrong-argument",
                "`scale_factor` of `upsample` is too near 1 to change the size of its input",
                argument="scale_factor",
                input=0,
                found=f"{x} times {self.scale_factor:g} is {height} × {width} again",
            )
        return Shape((x.channels, height, width))

    def reach(self, inputs: Sequence[Shape], output: Shape) -> Sequence[Reach | None]:
        step = 1 / Fraction(str(self.scale_factor))
        return _reach(self.mode, bool(self.align_corners), inputs[0], output, [step, step])

    def torch(self, *inputs: Shape) -> TorchModule:
        return TorchModule("nn.Upsample", self.given())

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        (x,), y = shapes, self.infer(*shapes)
        if x == y:
            return list(inputs)
        if self.mode == "nearest":
            return _onnx_nearest(e, inputs[0], x, y, [1 / self.scale_factor] * 2)
        sizes = list(zip(x.spatial, y.spatial, strict=True))
        if self.align_corners or all(n * Fraction(str(self.scale_factor)) == m for n, m in sizes):
            how = {"sizes": e.constant([*y.spatial], "int64")}
        else:
            how = {"scales": e.constant([self._float32(n, m) for n, m in sizes])}
        return _onnx_resize(e, inputs[0], self.mode, bool(self.align_corners), **how)

    def _float32(self, before: int, after: int) -> float:
        """The factor in float32, moved where its rounding would give a size other than ``after``."""
        import numpy as np

        if before == after and self.mode == "bilinear":
            return 1.0  # PyTorch leaves such an axis as it is
        factor = np.float32(self.scale_factor)
        for towards in (np.float32(inf), np.float32(0)):
            while before * float(factor) < after if towards else np.float32(before) * factor >= after + 1:
                factor = np.nextafter(factor, towards)
        return float(factor)

    def summary(self) -> str:
        mode = "" if self.mode == "nearest" else f" {self.mode}"
        return f"upsample ×{self.scale_factor:g}{mode}"


@op("resize_like")
class ResizeLike(Op):
    """The first map in the height and width of the second, by ``mode``. ``nn.functional.interpolate``.

    C × H × W and D × P × Q give C × P × Q. Raises OpError("rank-mismatch").
    """

    mode: Mode = "nearest"

    arity = 2
    shape_only = frozenset({1})
    keeps_input = False
    examples = (
        example(on=[[3, 4, 5], [2, 8, 10]]),
        example(on=[[2, 3, 3], [1, 5, 7]]),
        example("bilinear", on=[[3, 4, 5], [1, 7, 9]]),
        example("bilinear", on=[[2, 4, 4], [1, 1, 1]]),
        example(mode="bicubic", on=[[2, 4, 5], [1, 6, 3]]),
        example(on=[[2, 3, 3], [4, 3, 3]]),
    )

    def infer(self, *inputs: Shape) -> Shape:
        x = map_of(self, inputs[:1])
        try:
            like = map_of(self, inputs[1:])
        except OpError as e:
            raise OpError(e.code, e.message, input=1, found=e.found, help=e.help) from None
        return Shape((x.channels, *like.spatial))

    def reach(self, inputs: Sequence[Shape], output: Shape) -> Sequence[Reach | None]:
        steps = [Fraction(n, m) for n, m in zip(inputs[0].spatial, output.spatial, strict=True)]
        return _reach(self.mode, False, inputs[0], output, steps)

    def torch(self, *inputs: Shape) -> TorchExpression:
        mode = "" if self.mode == "nearest" else f', mode="{self.mode}"'
        return TorchExpression(f"nn.functional.interpolate({{0}}, {{1}}.shape[2:]{mode})")

    def onnx(self, e: OnnxEmitter, inputs: Sequence[str], shapes: Sequence[Shape]) -> list[str]:
        import numpy as np

        x, like = shapes
        if x.spatial == like.spatial:
            return [inputs[0]]
        if self.mode == "nearest":
            steps = [float(np.float32(n) / np.float32(m)) for n, m in zip(x.spatial, like.spatial, strict=True)]
            return _onnx_nearest(e, inputs[0], x, like, steps)
        return _onnx_resize(e, inputs[0], self.mode, False, sizes=e.constant(list(like.spatial), "int64"))

    def summary(self) -> str:
        return "resize_like" if self.mode == "nearest" else f"resize_like {self.mode}"
