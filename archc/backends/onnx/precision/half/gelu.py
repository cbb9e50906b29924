"""GELU as the one operator that it is.

In half precision its parts lose digits, 1 + erf(x) where erf(x) is near -1, or are too large, as squares from 65504 on.
Written as one operator, it is rounded once. Opset 18 has no Gelu; from opset 20 on there is one.
"""

from __future__ import annotations

from math import isclose, pi, sqrt

from archc.backends.onnx.passes.base import Change, ProgramPass
from archc.backends.onnx.program import OnnxNode, Program

OPSET = 20
_CUBIC = 0.044715


class Gelus(ProgramPass):
    """Puts Gelu in the place of x/2 · (1 + erf(x/√2)), and of its approximation by tanh.

    Hendrycks and Gimpel, arXiv:1606.08415, give both.
    """

    name = "gelu"
    summary = "GELU as one operator, which is rounded once"

    def run(self, program: Program) -> list[Change]:
        gates = program.of_type("Erf", "Tanh")
        changes = [Change(node.layer, "GELU as one operator") for node in gates if _replace(program, node)]
        if changes:
            program.opsets[""] = max(program.opsets[""], OPSET)
        return changes


def _replace(program: Program, gate: OnnxNode) -> bool:
    """Replace the GELU of which this is the erf or the tanh; gives whether it is one."""
    x = _erf_of(program, gate) if gate.op_type == "Erf" else _tanh_of(program, gate)
    chain = program.chain(gate, "Add", "Mul", "Mul")
    if x is None or chain is None:
        return False
    one, product, last = chain
    if not (_with(program, one, 1.0) and x in product.inputs and _with(program, last, 0.5)):
        return False
    attributes = {"approximate": "tanh"} if gate.op_type == "Tanh" else {}
    program.remove(last)
    program.append(OnnxNode("Gelu", [x], last.outputs, attributes, last.name, last.layer))
    return True


def _erf_of(program: Program, erf: OnnxNode) -> str | None:
    """The x of erf(x/√2)."""
    before = program.producer(erf.inputs[0])
    found = before is not None and before.op_type == "Div" and _is(program, before.inputs[1], sqrt(2))
    return before.inputs[0] if before is not None and found else None


def _tanh_of(program: Program, tanh: OnnxNode) -> str | None:
    """The x of tanh(√(2/π) (x + 0.044715 x³))."""
    scaled = _made(program, tanh.inputs[0], "Mul", sqrt(2 / pi))
    total = program.producer(scaled) if scaled else None
    if total is None or total.op_type != "Add":
        return None
    x, term = total.inputs
    cube = _made(program, term, "Mul", _CUBIC)
    product = program.producer(cube) if cube else None
    if product is None or product.op_type != "Mul" or product.inputs[1] != x:
        return None
    square = program.producer(product.inputs[0])
    return x if square is not None and square.op_type == "Mul" and square.inputs == [x, x] else None


def _made(program: Program, tensor: str, op_type: str, constant: float) -> str | None:
    """The tensor of which a node of this type, with this constant, makes ``tensor``."""
    node = program.producer(tensor)
    if node is None or node.op_type != op_type or not _is(program, node.inputs[1], constant):
        return None
    return node.inputs[0]


def _with(program: Program, node: OnnxNode, constant: float) -> bool:
    return any(_is(program, tensor, constant) for tensor in node.inputs)


def _is(program: Program, tensor: str, number: float) -> bool:
    """Whether the tensor is a constant of this one number, as near as fp32 holds it."""
    if not program.is_constant(tensor) or program.shape(tensor):
        return False
    return isclose(float(program.value(tensor)), number, rel_tol=1e-6)
