"""Types of a model's inputs and outputs, other than those of the numbers within."""

from __future__ import annotations

from archc.backends.onnx.passes.base import Change, ProgramPass
from archc.backends.onnx.precision.casts import cast, cast_output
from archc.backends.onnx.precision.dtypes import CAST, dtypes
from archc.backends.onnx.precision.types import FLOAT, SHORT, InOut
from archc.backends.onnx.program import Program, TensorType
from archc.backends.onnx.wire import TYPES


class Declare(ProgramPass):
    """Declares inputs and outputs that are fp32 in other types, with casts where the network computes in another."""

    name = "io"
    summary = "inputs and outputs in the types asked for"

    def __init__(self, io: InOut) -> None:
        self.io = io

    def run(self, program: Program) -> list[Change]:
        inputs = [name for name, type in program.inputs.items() if type.dtype == FLOAT != self.io.inputs]
        outputs = [name for name, type in program.outputs.items() if type.dtype == FLOAT != self.io.outputs]
        within = dtypes(program)
        for name in inputs:
            _declare_input(program, name, self.io.inputs)
        for name in outputs:
            _declare_output(program, name, self.io.outputs, within)
        given = [(name, "input", self.io.inputs) for name in inputs]
        given += [(name, "output", self.io.outputs) for name in outputs]
        return [Change(name, f"the {side} is {SHORT[dtype]}") for name, side, dtype in given]


def _declare_input(program: Program, name: str, dtype: str) -> None:
    readers = program.consumers(name)
    program.inputs[name] = TensorType(program.inputs[name].shape, dtype)
    program.types.pop(name, None)
    for node in [n for n in readers if n.op_type == CAST and n.attributes["to"] == TYPES[dtype]]:
        if program.bypass(node):
            readers.remove(node)
    others = [n for n in readers if n.op_type != CAST]
    if others:
        program.redirect(name, cast(program, name, FLOAT, others[0]), others)


def _declare_output(program: Program, name: str, dtype: str, within: dict[str, str]) -> None:
    program.outputs[name] = TensorType(program.outputs[name].shape, dtype)
    program.types.pop(name, None)  # it is as declared
    node = program.producer(name)
    if node is None or node.op_type != CAST or program.consumers(name):
        cast_output(program, name, FLOAT)
    elif within[node.inputs[0]] != dtype or not program.bypass(node):
        node.attributes["to"] = TYPES[dtype]
