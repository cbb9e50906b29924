"""Pools in forms that CUDA can run at the opset of bf16.

onnxruntime's CUDA provider has convolutions in bf16 from opset 22 on, and at that opset no MaxPool of any type, which
would be left to the CPU; its GlobalAveragePool takes no bf16, but its ReduceMean does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from archc.backends.onnx.passes.base import Change, ProgramPass
from archc.backends.onnx.program import OnnxNode, Program

Sizes = tuple[int, ...]
_FIRST = 2  # spatial axis


class PoolForms(ProgramPass):
    """Writes max pools as maxima of strided slices, axis by axis, and global average pools as ReduceMean.

    Both are exact: a maximum over a window is that of the maxima of its rows.
    """

    name = "pool-forms"
    summary = "max pools and global average pools, which CUDA can't run in bf16, in forms that it can"

    def run(self, program: Program) -> list[Change]:
        return [*_max_pools(program), *_global_average_pools(program)]


class _Windows(NamedTuple):
    """What a pool slides over the spatial axes: all by axis, in cells; ``out`` is how many there are."""

    kernel: Sizes
    stride: Sizes
    dilation: Sizes
    before: Sizes  # padding
    size: Sizes
    out: Sizes

    @property
    def after(self) -> Sizes:
        """The padding at the end, as much as the last window needs."""
        axes = zip(self.kernel, self.stride, self.dilation, self.before, self.size, self.out, strict=True)
        return tuple(max(0, (o - 1) * s + (k - 1) * d + 1 - b - n) for k, s, d, b, n, o in axes)


def _max_pools(program: Program) -> Iterator[Change]:
    for node in program.of_type("MaxPool"):
        windows = _windows(program, node) if len(node.outputs) == 1 else None
        if windows is not None:
            _replace(program, node, _slide(program, node, windows))
            yield Change(node.layer, "max pool as maxima of strided slices")


def _windows(program: Program, node: OnnxNode) -> _Windows | None:
    size, out = (_spatial(program, tensor) for tensor in (node.inputs[0], node.outputs[0]))
    if size is None or out is None or "auto_pad" in node.attributes:
        return None
    n = len(size)

    def of(attribute: str, default: int) -> Sizes:
        return tuple(node.attributes.get(attribute, [default] * n))[:n]

    return _Windows(of("kernel_shape", 1), of("strides", 1), of("dilations", 1), of("pads", 0), size, out)


def _spatial(program: Program, tensor: str) -> Sizes | None:
    shape = program.shape(tensor)
    sizes = None if shape is None else tuple(size for size in shape[_FIRST:] if isinstance(size, int))
    return sizes if shape is not None and sizes is not None and len(sizes) == len(shape) - _FIRST else None


def _slide(program: Program, node: OnnxNode, windows: _Windows) -> str:
    """Nodes that compute the pool; gives their result."""
    x, place = node.inputs[0], node.layer
    if any((*windows.before, *windows.after)):
        pads = program.constant(f"{place}.pads", [0, 0, *windows.before, 0, 0, *windows.after], "int64")
        (x,) = program.add("Pad", [x, pads, program.constant(f"{place}.lowest", -np.inf)], like=node)
    axes = zip(windows.kernel, windows.stride, windows.dilation, windows.out, strict=True)
    for axis, (kernel, stride, dilation, out) in enumerate(axes, _FIRST):
        starts = [i * dilation for i in range(kernel)]
        parts = [_slice(program, node, x, axis, start, start + (out - 1) * stride + 1, stride) for start in starts]
        (x,) = program.add("Max", parts, like=node) if len(parts) > 1 else parts
    return x


def _slice(program: Program, like: OnnxNode, x: str, axis: int, start: int, end: int, step: int) -> str:
    names, values = ("start", "end", "axis", "step"), (start, end, axis, step)
    given = [program.constant(f"{like.layer}.{n}", [v], "int64") for n, v in zip(names, values, strict=True)]
    return program.add("Slice", [x, *given], like=like)[0]


def _replace(program: Program, node: OnnxNode, result: str) -> None:
    """Let what makes ``result`` make the node's output in its place."""
    producer, output = program.producer(result), node.outputs[0]
    assert producer is not None
    program.remove(node)
    program.set_output(producer, 0, output)


def _global_average_pools(program: Program) -> Iterator[Change]:
    for node in program.of_type("GlobalAveragePool"):
        size = _spatial(program, node.inputs[0])
        if size is not None:
            axes = program.constant(f"{node.layer}.axes", [*range(_FIRST, _FIRST + len(size))], "int64")
            (result,) = program.add("ReduceMean", [node.inputs[0], axes], like=node, keepdims=1)
            _replace(program, node, result)
            yield Change(node.layer, "global average pool as ReduceMean")
