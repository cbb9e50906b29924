"""Writing nodes into a program by hand, shortly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archc.backends.onnx.program import OnnxNode, Program, TensorType
from archc.backends.onnx.wire import TYPES


class Writer:
    """Adds nodes to a program under one layer's name. Tensors are names."""

    def __init__(self, program: Program, layer: str) -> None:
        self.program = program
        self._layer, self._like = layer, OnnxNode("", [], [], layer=layer)
        self._constants: dict[tuple[str, str], str] = {}

    def __call__(
        self, op_type: str, *inputs: str, name: str = "", type: TensorType | None = None, **attributes: Any
    ) -> str:
        """One node; gives its output."""
        wanted = f"{self._layer}.{name or op_type}"
        return self.program.add(op_type, inputs, like=self._like, name=wanted, type=type, **attributes)[0]

    def into(self, results: Sequence[str], op_type: str, *inputs: str, **attributes: Any) -> None:
        """One node whose outputs have names already; it is called by the layer and its type."""
        name = self.program.unique(f"{self._layer}.{op_type}")
        self.program.append(OnnxNode(op_type, list(inputs), list(results), attributes, name, self._layer))

    def cast(self, tensor: str, dtype: str) -> str:
        return self("Cast", tensor, to=TYPES[dtype])

    def ints(self, *values: int) -> str:
        """A vector of int64."""
        return self._constant(list(values), "int64")

    def numbers(self, value: float | Sequence[Any], dtype: str = "float32") -> str:
        """A constant of these numbers."""
        return self._constant(value, dtype)

    def _constant(self, value: Any, dtype: str) -> str:
        key = (repr(value), dtype)
        if key not in self._constants:
            self._constants[key] = self.program.constant(f"{self._layer}.constant", value, dtype)
        return self._constants[key]
