"""What the ops with a sliding window share: checks of the input, sizes, and the words for them."""

from __future__ import annotations

from collections.abc import Sequence

from archc.ops.base import Op, OpError
from archc.ops.kinds import compact
from archc.ops.shape import Shape

LAYOUTS = {1: "channels × length", 2: "channels × height × width"}

_ADVICE = {
    (2, 1): "put it before the `flatten`, `mean` or `linear` that took height and width away",
    (2, 2): "a `reshape` before it gives the tensor a height and a width",
    (1, 1): "put it before the `flatten`, `mean` or `linear` that took the length away",
    (1, 3): "put a `flatten(2)` before it, which makes one axis of height and width",
}


def sized(v: Sequence[int]) -> str:
    """(7, 7) as 7×7."""
    return "×".join(map(str, v))


def step(mark: str, v: Sequence[int], usual: int) -> str:
    """`` /2`` for a stride of 2, `` /2×1`` where it differs by axis, nothing where it is the usual one."""
    if all(i == usual for i in v):
        return ""
    return f" {mark}{v[0] if len(set(v)) == 1 else sized(v)}"


def map_of(op: Op, inputs: Sequence[Shape], spatial: int = 2) -> Shape:
    """The one input, with ``spatial`` axes after its channels. Raises OpError ``rank-mismatch``."""
    x = batched(op, inputs)
    if len(x.dims) != spatial + 1:
        raise OpError(
            "rank-mismatch",
            f"`{op.name}` needs {LAYOUTS[spatial]}, not {x}",
            input=0,
            found=str(x),
            help=_ADVICE.get((spatial, len(x.dims))),
        )
    return x


def batched(op: Op, inputs: Sequence[Shape]) -> Shape:
    """The one input, which has a batch axis. Raises OpError ``rank-mismatch``."""
    (x,) = inputs
    if not x.batched:
        raise OpError(
            "rank-mismatch",
            f"`{op.name}` needs a tensor with a batch axis, and a `parameter` has none",
            input=0,
            found=f"{x}, without a batch axis",
            help="`add` or `mul` joins a parameter with a tensor that has a batch axis",
        )
    return x


def extent(kernel: Sequence[int], dilation: Sequence[int]) -> tuple[int, ...]:
    """How far a window reaches, its holes counted: d(k − 1) + 1."""
    return tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))


def slide(
    op: Op,
    x: Shape,
    window: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    *,
    ceil_mode: bool = False,
    most: Sequence[int] | None = None,
) -> tuple[int, ...]:
    """Number of places of the window by axis: ⌊(H + 2p − w) / s⌋ + 1 for windows of extent w.

    With ``ceil_mode`` it is ⌈(H + 2p − w) / s⌉ + 1, less one where the last window would start in the right padding
    (``torch.nn.MaxPool2d``). ``most`` is the widest padding that the op takes. Raises OpError ``window-too-large``.
    """
    out: list[int] = []
    for size, w, s, p in zip(x.spatial, window, stride, padding, strict=True):
        places = (size + 2 * p - w + (s - 1 if ceil_mode else 0)) // s + 1
        if ceil_mode and (places - 1) * s >= size + p:
            places -= 1
        out.append(places)
    if min(out) < 1:
        raise _too_large(op, x, window, stride, padding, most)
    return tuple(out)


def _too_large(
    op: Op, x: Shape, window: Sequence[int], stride: Sequence[int], padding: Sequence[int], most: Sequence[int] | None
) -> OpError:
    padded = sized([size + 2 * p for size, p in zip(x.spatial, padding, strict=True)])
    around = f", {padded} with its padding" if any(padding) else ""
    enough = tuple(max(w // 2, p) for w, p in zip(window, padding, strict=True))
    keeps = all(w % 2 and s == 1 for w, s in zip(window, stride, strict=True))
    value = compact(enough) if len(set(enough)) == 1 else list(enough)
    advice = f"padding={value} {'keeps the size' if keeps else 'makes it fit'}; or give the network a larger input"
    if most and any(p > m for p, m in zip(enough, most, strict=True)):
        advice = "make the window smaller, or give the network a larger input"
    return OpError(
        "window-too-large",
        f"the {sized(window)} window of `{op.name}` is larger than its input of {sized(x.spatial)}{around}",
        argument="kernel_size",
        input=0,
        found=f"{sized(window)} on {sized(x.spatial)}",
        help=advice,
    )


def overhang(
    size: Sequence[int], out: Sequence[int], window: Sequence[int], stride: Sequence[int], padding: Sequence[int]
) -> tuple[int, ...]:
    """By axis, how far the last window reaches past the right padding (only with ``ceil_mode``)."""
    return tuple(
        max(0, (o - 1) * s + w - n - 2 * p) for n, o, w, s, p in zip(size, out, window, stride, padding, strict=True)
    )
