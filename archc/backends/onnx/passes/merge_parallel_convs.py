"""Convolutions of one size over one map as a single one, whose channels a Split hands out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from archc.backends.onnx.passes.base import Change, ProgramPass
from archc.backends.onnx.passes.patterns import bias, pointwise
from archc.backends.onnx.program import OnnxNode, Program, TensorType
from archc.backends.onnx.values import Array


class MergeParallelConvs(ProgramPass):
    """Stacks the weights of 1 × 1 convolutions that read one tensor, as in Inception's branches.

    Where each is followed by a ReLU alone, one ReLU goes before the Split. One large product keeps a GPU busier than
    several small ones, but the Split is a copy, so that no profile has this pass: it is for those who measure that it
    helps. On a CPU it costs, since a Split leaves onnxruntime's blocked layout. The output is the same up to rounding.
    """

    name = "merge-parallel-convs"
    summary = "1 × 1 convolutions over one map become one, and a Split"

    def run(self, program: Program) -> list[Change]:
        found: dict[str, list[OnnxNode]] = defaultdict(list)
        for node in program.of_type("Conv"):
            if _mergeable(program, node):
                found[node.inputs[0]].append(node)
        return [_merge(program, convs) for convs in found.values() if len(convs) > 1]


def _mergeable(program: Program, conv: OnnxNode) -> bool:
    constant = all(map(program.is_constant, conv.inputs[1:]))
    return constant and conv.attributes.get("group", 1) == 1 and pointwise(program, conv)


def _merge(program: Program, convs: Sequence[OnnxNode]) -> Change:
    first, layers = convs[0], ", ".join(conv.layer for conv in convs[1:])
    sizes = [program.initializers[conv.inputs[1]].shape[0] for conv in convs]
    relus = [found[0] for conv in convs if (found := program.chain(conv, "Relu"))]
    kind = _type(program, first, sizes)
    made = program.add("Conv", _operands(program, convs, sizes), like=first, type=kind, **first.attributes)
    last = list(convs)
    if len(relus) == len(convs):
        made = program.add("Relu", made, like=relus[0], type=kind)
        last = relus
    split = program.constant(f"{first.layer}.split", sizes, "int64")
    results = [node.outputs[0] for node in last]
    for node in dict.fromkeys([*convs, *last]):
        program.remove(node)
    name = program.unique(f"{first.layer}.Split")
    program.append(OnnxNode("Split", [*made, split], results, {"axis": 1}, name, first.layer))
    return Change(first.layer, f"one convolution with {layers}")


def _operands(program: Program, convs: Sequence[OnnxNode], sizes: Sequence[int]) -> list[str]:
    """The input, the stacked weights, and the stacked biases where there is any."""
    weights = [program.initializers[conv.inputs[1]] for conv in convs]
    layer, dtype, shape = convs[0].layer, weights[0].dtype, (sum(sizes), *weights[0].shape[1:])
    read = partial(_stacked, [weight.read for weight in weights])
    operands = [convs[0].inputs[0], program.initializer(f"{layer}.merged_weight", shape, dtype, read)]
    if any(map(bias, convs)):
        biases = (_bias(program, conv, n) for conv, n in zip(convs, sizes, strict=True))
        operands.append(program.constant(f"{layer}.merged_bias", np.concatenate(list(biases)), dtype))
    return operands


def _stacked(reads: Sequence[Callable[[], Array]]) -> Array:
    return np.concatenate([read() for read in reads])


def _bias(program: Program, conv: OnnxNode, size: int) -> Array:
    name = bias(conv)
    return program.value(name) if name else np.zeros(size)


def _type(program: Program, conv: OnnxNode, sizes: Sequence[int]) -> TensorType | None:
    shape = program.shape(conv.outputs[0])
    if shape is None:
        return None
    return TensorType((shape[0], sum(sizes), *shape[2:]), program.dtype(conv.outputs[0]) or "float32")


rewrite = MergeParallelConvs()
