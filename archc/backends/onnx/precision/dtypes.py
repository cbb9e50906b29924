"""The element types of a program's tensors, and of which inputs and outputs of a node they are the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from archc.backends.onnx.program import OnnxNode, Program
from archc.backends.onnx.wire import TYPES
from archc.runtime.kernels import Argument, operator

HALVES = ("float16", "bfloat16")
NAMES = {number: name for name, number in TYPES.items()}
CAST = "Cast"
_SAYS_TYPE = ("to", "output_dtype", "dtype")  # attributes that give the outputs' element type


class Signature(NamedTuple):
    """By position, the type parameter of each input and output (``T``), or its type where that is fixed (``int64``)."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def signature(program: Program, node: OnnxNode) -> Signature | None:
    """The signature of a node as the operator's schema gives it; None for an operator that is not known."""
    meant = operator(node.op_type, program.opsets.get(node.domain, 1), node.domain)
    if meant is None:
        return None
    return Signature(_spread(meant.inputs, len(node.inputs)), _spread(meant.outputs, len(node.outputs)))


def bound(made: Signature, node: OnnxNode, dtypes: Mapping[str, str]) -> dict[str, str]:
    """Type parameter → element type, as the node's tensors have them."""
    found: dict[str, str] = {}
    for parameters, tensors in ((made.inputs, node.inputs), (made.outputs, node.outputs)):
        for parameter, tensor in zip(parameters, tensors, strict=True):
            if tensor in dtypes:
                found.setdefault(parameter, dtypes[tensor])
    return found


def dtypes(program: Program) -> dict[str, str]:
    """The element type of each tensor, as far as the operators' signatures tell. The program must be in order."""
    found = {name: type.dtype for name, type in program.inputs.items()}
    found.update((name, initializer.dtype) for name, initializer in program.initializers.items())
    for node in program.nodes:
        found.update(_results(program, node, found))
    return found


def _results(program: Program, node: OnnxNode, known: Mapping[str, str]) -> dict[str, str]:
    said = next((NAMES.get(node.attributes[key]) for key in _SAYS_TYPE if key in node.attributes), None)
    if said is not None:
        return dict.fromkeys(filter(None, node.outputs), said)
    made = signature(program, node)
    if made is None:
        return {t: type.dtype for t in node.outputs if (type := program.types.get(t) or program.outputs.get(t))}
    types = bound(made, node, known)
    pairs = ((t, types.get(p) or (p if p in TYPES else None)) for p, t in zip(made.outputs, node.outputs, strict=True))
    return {tensor: dtype for tensor, dtype in pairs if tensor and dtype is not None}


def _spread(arguments: Sequence[Argument], count: int) -> tuple[str, ...]:
    """By position; the last argument stands for all that follow."""
    return tuple(arguments[min(i, len(arguments) - 1)].type for i in range(count))
