"""Hard sigmoids, and the hard swishes that contain them, as sums of integers.

onnxruntime has no integer kernel for either. But max(0, min(1, αx + β)) is α (x + β/α), saturated to 0 … 1, as rounding
to u8 over that range does by itself: what remains is a sum, rounded in steps of 1/(255 α), and read in steps of 1/255.
"""

from __future__ import annotations

import numpy as np

from archc.backends.onnx.precision.int8.numbers import Quantizer
from archc.backends.onnx.precision.int8.ranges import Range
from archc.backends.onnx.program import OnnxNode, Program, TensorType

OP = "HardSigmoid"
RANGE = Range(0.0, 1.0)


def split_hard_swishes(program: Program) -> None:
    """Write x · max(0, min(1, x/6 + 1/2)) as that, a hard sigmoid and a product."""
    for node in program.of_type("HardSwish"):
        shape = program.shape(node.inputs[0])
        type = None if shape is None else TensorType(shape)
        (gate,) = program.add(OP, [node.inputs[0]], like=node, type=type, alpha=1 / 6, beta=0.5)
        node.op_type = "Mul"
        program.set_inputs(node, [node.inputs[0], gate])


def as_sum(program: Program, node: OnnxNode) -> float:
    """Let the node add β/α, a constant in 8 bits; gives α, by which its result is then to be multiplied."""
    alpha, beta = float(node.attributes.get("alpha", 0.2)), float(node.attributes.get("beta", 0.5))
    shift = beta / alpha
    quantizer = Quantizer.of(Range(min(shift, 0.0), max(shift, 0.0)))
    name = f"{node.outputs[0]}.shift"
    constants = [
        program.constant(name, quantizer.quantize(np.array(shift)), "uint8"),
        program.constant(f"{name}.scale", quantizer.scale),
        program.constant(f"{name}.zero_point", quantizer.zero_point, "uint8"),
    ]
    summand = program.add("DequantizeLinear", constants, like=node, name=f"{name}.dequantized", type=TensorType(()))
    node.op_type, node.attributes = "Add", {}
    program.set_inputs(node, [node.inputs[0], *summand])
    return alpha
