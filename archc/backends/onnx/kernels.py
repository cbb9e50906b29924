"""Whether a target has kernels for a program's nodes, asked of the table before the file is ever loaded."""

from __future__ import annotations

from archc.backends.onnx.program import OnnxNode, Program
from archc.backends.onnx.wire import TYPES
from archc.runtime.kernels import Missing, Use, missing, operator, types_of

_BY_NUMBER = {number: name for name, number in TYPES.items()}
_SAYS_TYPE = ("to", "output_dtype", "dtype")  # attributes that give the output's element type


def without_kernel(program: Program, provider: str) -> list[Missing]:
    """The nodes for which onnxruntime's provider has no kernel of their version and types."""
    return missing(provider, program.opsets, uses(program))


def uses(program: Program) -> list[Use]:
    """The nodes with the element types that they read and make, as far as these can be told."""
    program.settle()
    declared = {**program.types, **program.inputs, **program.outputs}
    known = {name: tensor.dtype for name, tensor in declared.items()}
    known |= {name: initializer.dtype for name, initializer in program.initializers.items()}
    return [_use(program, node, known) for node in program.nodes]


def _use(program: Program, node: OnnxNode, known: dict[str, str]) -> Use:
    inputs = tuple(known.get(name) for name in node.inputs)
    for name, dtype in zip(node.outputs, _results(program, node, inputs), strict=True):
        if dtype is not None:
            known.setdefault(name, dtype)
    outputs = tuple(known.get(name) for name in node.outputs)
    return Use(node.op_type, inputs, outputs, node.domain, node.name)


def _results(program: Program, node: OnnxNode, inputs: tuple[str | None, ...]) -> list[str | None]:
    """The element types of a node's outputs, from those of its inputs and from what its attributes say."""
    said = next((_BY_NUMBER.get(node.attributes[key]) for key in _SAYS_TYPE if key in node.attributes), None)
    meant = operator(node.op_type, program.opsets.get(node.domain, 1), node.domain)
    if said is not None or meant is None:
        return [said] * len(node.outputs)
    types = types_of(Use(node.op_type, inputs), meant)
    known = [types.get(result.type, result.type if result.type in TYPES else None) for result in meant.outputs]
    known += known[-1:] * len(node.outputs)  # a variadic output
    return known[: len(node.outputs)]
