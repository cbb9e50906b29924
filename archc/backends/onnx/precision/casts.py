"""Casts at the places where types meet."""

from __future__ import annotations

from archc.backends.onnx.precision.dtypes import CAST
from archc.backends.onnx.precision.types import SHORT
from archc.backends.onnx.program import OnnxNode, Program, TensorType
from archc.backends.onnx.wire import TYPES


def cast(program: Program, tensor: str, dtype: str, like: OnnxNode) -> str:
    """A new tensor with the numbers of this one in the dtype; gives its name."""
    shape = program.shape(tensor)
    type = None if shape is None else TensorType(shape, dtype)
    return program.add(CAST, [tensor], like=like, name=f"{tensor}.{SHORT[dtype]}", type=type, to=TYPES[dtype])[0]


def cast_output(program: Program, name: str, dtype: str) -> str:
    """Let the node that makes an output of the model make it in the dtype, and cast it to what the model declares.

    Gives the tensor that the node makes now; what read the output within the model reads it.
    """
    node = program.producer(name)
    assert node is not None  # every output is made by a node
    declared, place = program.outputs[name], node.layer or name
    inner = program.unique(f"{place}.{SHORT[dtype]}")
    program.types[inner] = TensorType(declared.shape, dtype)
    program.set_output(node, node.outputs.index(name), inner)
    program.redirect(name, inner)
    title = program.unique(f"{place}.{SHORT[declared.dtype]}")
    program.append(OnnxNode(CAST, [inner], [name], {"to": TYPES[declared.dtype]}, title, node.layer))
    return inner
