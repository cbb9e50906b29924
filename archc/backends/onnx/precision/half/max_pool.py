"""Max pools by maxima of strided slices, axis by axis: a maximum over a window is that of the maxima of its rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from archc.backends.onnx.program import OnnxNode, Program

Sizes = tuple[int, ...]
FIRST = 2  # spatial axis


class _Windows(NamedTuple):
    """What a pool slides over the spatial axes, by axis; ``out`` is how many there are."""

    kernel: Sizes
    stride: Sizes
    dilation: Sizes
    before: Sizes  # padding
    after: Sizes
    out: Sizes


def as_slices(program: Program, node: OnnxNode) -> str | None:
    """Nodes that give what a MaxPool gives; None where its sizes are not known."""
    windows = _windows(program, node) if len(node.outputs) == 1 else None
    return None if windows is None else _slide(program, node, windows)


def spatial(program: Program, tensor: str) -> Sizes | None:
    """The sizes of a tensor after the batch and the channels; None where they are not known."""
    shape = program.shape(tensor)
    sizes = None if shape is None else tuple(size for size in shape[FIRST:] if isinstance(size, int))
    return sizes if shape is not None and sizes is not None and len(sizes) == len(shape) - FIRST else None


def _windows(program: Program, node: OnnxNode) -> _Windows | None:
    out = spatial(program, node.outputs[0])
    if out is None or node.attributes.get("ceil_mode", 0) or "auto_pad" in node.attributes:
        return None
    n = len(out)

    def of(attribute: str, default: int) -> Sizes:
        return tuple(node.attributes.get(attribute, [default] * 2 * n))

    pads = of("pads", 0)
    return _Windows(of("kernel_shape", 1)[:n], of("strides", 1)[:n], of("dilations", 1)[:n], pads[:n], pads[n:], out)


def _slide(program: Program, node: OnnxNode, windows: _Windows) -> str:
    """Nodes that compute the pool; gives their result."""
    x, place = node.inputs[0], node.layer
    if any((*windows.before, *windows.after)):
        pads = program.constant(f"{place}.pads", [0, 0, *windows.before, 0, 0, *windows.after], "int64")
        (x,) = program.add("Pad", [x, pads, program.constant(f"{place}.lowest", -np.inf)], like=node)
    axes = zip(windows.kernel, windows.stride, windows.dilation, windows.out, strict=True)
    for axis, (kernel, stride, dilation, out) in enumerate(axes, FIRST):
        starts = [i * dilation for i in range(kernel)]
        parts = [_slice(program, node, x, axis, start, start + (out - 1) * stride + 1, stride) for start in starts]
        (x,) = program.add("Max", parts, like=node) if len(parts) > 1 else parts
    return x


def _slice(program: Program, like: OnnxNode, x: str, axis: int, start: int, end: int, step: int) -> str:
    names, values = ("start", "end", "axis", "step"), (start, end, axis, step)
    given = [program.constant(f"{like.layer}.{n}", [v], "int64") for n, v in zip(names, values, strict=True)]
    return program.add("Slice", [x, *given], like=like)[0]
