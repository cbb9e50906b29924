"""Whether a target has kernels for a program's nodes, asked of the table before the file is ever loaded."""

from __future__ import annotations

from archc.backends.onnx.precision.dtypes import dtypes
from archc.backends.onnx.program import Program
from archc.runtime.kernels import Missing, Use, missing


def without_kernel(program: Program, provider: str) -> list[Missing]:
    """The nodes for which onnxruntime's provider has no kernel of their version and types."""
    return missing(provider, program.opsets, uses(program))


def uses(program: Program) -> list[Use]:
    """The nodes with the element types that they read and make, as far as these can be told."""
    program.settle()
    known = dtypes(program)
    return [
        Use(n.op_type, tuple(map(known.get, n.inputs)), tuple(map(known.get, n.outputs)), n.domain, n.name)
        for n in program.nodes
    ]
