"""A concat of concats as one."""

from __future__ import annotations

from collections.abc import Iterator

from archc.backends.onnx.passes.base import Change, ProgramPass
from archc.backends.onnx.program import OnnxNode, Program


class FlattenConcats(ProgramPass):
    """Puts the inputs of a concat in its place, where only another concat of the same axis reads it.

    Each number is then copied once in place of twice. A concat that others read as well stays: its copy would not be
    saved. The output is the same to the bit.
    """

    name = "flatten-concats"
    summary = "a concat that another concat alone reads goes into that one"

    def run(self, program: Program) -> list[Change]:
        changes: list[Change] = []
        for outer in program.of_type("Concat"):
            inputs = list(_parts(program, outer))
            if inputs != outer.inputs:
                changes.append(Change(outer.layer, f"{len(outer.inputs)} parts become {len(inputs)}"))
                program.set_inputs(outer, inputs)
        return changes


def _parts(program: Program, concat: OnnxNode) -> Iterator[str]:
    for tensor in concat.inputs:
        inner = program.producer(tensor)
        if inner is not None and _goes_in(program, tensor, inner, concat):
            yield from _parts(program, inner)
        else:
            yield tensor


def _goes_in(program: Program, tensor: str, inner: OnnxNode, outer: OnnxNode) -> bool:
    if inner.op_type != "Concat" or inner.domain or program.only_consumer(tensor) is not outer:
        return False
    return outer.inputs.count(tensor) == 1 and _axis(program, inner) == _axis(program, outer)


def _axis(program: Program, concat: OnnxNode) -> int:
    """The axis counted from the front, where the rank is known."""
    axis: int = concat.attributes["axis"]
    shape = program.shape(concat.outputs[0])
    return axis + len(shape) if axis < 0 and shape is not None else axis


rewrite = FlattenConcats()
