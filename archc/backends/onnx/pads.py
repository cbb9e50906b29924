"""Zeros around a map that onnxruntime must not take for the padding of the pool behind them."""

from __future__ import annotations

from archc.backends.onnx.program import OnnxNode, Program


def keep_zeros(program: Program) -> None:
    """Give each Pad of zeros that is not read by convolutions alone its axes as an input.

    onnxruntime (1.31, PadFusion) works such a Pad into a MaxPool behind it, where padding never wins, so that the zeros
    are gone, and into pools whose window is narrower, which it refuses to run then. It leaves one with axes alone. Into
    a convolution it may go.
    """
    for pad in program.of_type("Pad"):
        readers = {node.op_type for node in program.consumers(pad.outputs[0])}
        if readers - {"Conv"} and len(pad.inputs) < 4 and _of_zeros(program, pad):
            axes = program.constant(
                f"{pad.name}.axes", range(program.initializers[pad.inputs[1]].shape[0] // 2), "int64"
            )
            program.set_inputs(pad, [*pad.inputs[:2], *(pad.inputs[2:] or [""]), axes])


def _of_zeros(program: Program, pad: OnnxNode) -> bool:
    constant = pad.attributes.get("mode", "constant") in ("constant", b"constant")
    value = pad.inputs[2] if len(pad.inputs) > 2 else ""
    return constant and (not value or not program.value(value).any())
