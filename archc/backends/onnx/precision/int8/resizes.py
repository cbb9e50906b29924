"""Resizes in the one form that onnxruntime's integer kernels leave intact.

QLinearConv works with channels last. Transposes that are put around it are moved along the graph, and through a Resize
by permuting its sizes, as if there were one for each axis: where ``axes`` names two of four, the session fails to load
(onnxruntime 1.31). It fails as well where what they make is a cubic Resize with channels last to a smaller size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from archc.backends.onnx.program import OnnxNode, Program, TensorType
from archc.backends.onnx.values import Array


def name_all_sizes(program: Program) -> None:
    """Let each Resize of the last axes have a size, or a scale, for every axis; the others keep theirs."""
    for node in program.of_type("Resize"):
        axes, shape = node.attributes.get("axes"), program.shape(node.inputs[0])
        if axes is None or shape is None or list(axes) != list(range(len(shape) - len(axes), len(shape))):
            continue
        data, _, scales, sizes = [*node.inputs, "", "", ""][:4]
        ahead = len(shape) - len(axes)
        factors = program.value(scales) if scales else _factors(shape[ahead:], program.value(sizes))
        if factors is not None:
            all = program.constant(f"{node.name}.scales", [1.0] * ahead + factors.tolist())
            inputs = [data, "", all]
        else:
            inputs = [data, "", "", _sizes(program, node, sizes, ahead)]
        del node.attributes["axes"]
        program.set_inputs(node, inputs)


def keep_channels_first(program: Program) -> None:
    """Let each cubic Resize to a smaller size have maps of one channel, by a Reshape before it and one after it.

    These move no numbers, and no transpose goes through them.
    """
    for node in program.of_type("Resize"):
        before, after = (_map_of(program, tensor) for tensor in (node.inputs[0], node.outputs[0]))
        if node.attributes.get("mode") != "cubic" or before is None or after is None:
            continue
        if all(m >= n for n, m in zip(before[1:], after[1:], strict=True)):
            continue
        apart = program.constant(f"{node.name}.apart", [-1, 1, *before[1:]], "int64")
        (maps,) = program.add("Reshape", [node.inputs[0], apart], like=node)
        program.set_inputs(node, [maps, *node.inputs[1:]])
        result, resized = node.outputs[0], program.unique(f"{node.name}.maps")
        program.set_output(node, 0, resized)
        together = program.constant(f"{node.name}.together", [-1, *after], "int64")
        name = program.unique(f"{node.name}.Reshape")
        program.append(OnnxNode("Reshape", [resized, together], [result], {}, name, node.layer))


def _map_of(program: Program, tensor: str) -> tuple[int, ...] | None:
    """Channels, height and width; None of anything else."""
    shape = program.shape(tensor) or ()
    sizes = tuple(size for size in shape[1:] if isinstance(size, int))
    return sizes if len(shape) == 4 and len(sizes) == 3 else None


def _factors(before: Sequence[int | str], after: Array) -> Array | None:
    """The scales that sizes come down to, computed as onnxruntime does; None where they would give other sizes.

    Its kernel multiplies in fp32, and onnx, where it infers shapes, in float64: 5 × 9/5 is 9 in one and less in the
    other.
    """
    if not all(isinstance(size, int) for size in before):
        return None
    sizes = np.array(before, np.float32)
    factors = after.astype(np.float32) / sizes
    products = sizes * factors, sizes * factors.astype(np.float64)
    return factors if all(np.array_equal(made.astype(np.int64), after) for made in products) else None


def _sizes(program: Program, node: OnnxNode, sizes: str, ahead: int) -> str:
    """The sizes, with those of the ``ahead`` axes of the input before them; the batch is not known before it runs."""
    first = TensorType((ahead,), "int64")
    (kept,) = program.add("Shape", [node.inputs[0]], like=node, type=first, start=0, end=ahead)
    whole = TensorType((ahead + program.initializers[sizes].shape[0],), "int64")
    return program.add("Concat", [kept, sizes], like=node, type=whole, axis=0)[0]
