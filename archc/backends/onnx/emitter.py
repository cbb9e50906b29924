"""Collects the ONNX nodes that the ops' rules add, and names them by the paths of the spec."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np

from archc.backends.onnx.program import OnnxNode, numbered
from archc.backends.onnx.values import Array, Values
from archc.backends.onnx.wire import Initializer


def rename(drafts: Iterable[OnnxNode], names: dict[str, str]) -> None:
    for draft in drafts:
        draft.inputs = [names.get(name, name) for name in draft.inputs]
        draft.outputs = [names.get(name, name) for name in draft.outputs]


@dataclass
class Drafts:
    """All nodes and initializers of a graph so far. Names of tensors are unique; ``reserved`` are the graph's own."""

    reserved: Iterable[str]
    nodes: list[OnnxNode] = field(default_factory=list[OnnxNode])
    initializers: dict[str, Initializer] = field(default_factory=dict[str, Initializer])
    constants: dict[tuple[str, tuple[int, ...], bytes], str] = field(default_factory=dict[Any, str])

    def __post_init__(self) -> None:
        self._taken = set(self.reserved)
        self._made: set[str] = set()
        self.renamed: dict[str, str] = {}

    def unique(self, wanted: str) -> str:
        """The name, or where another tensor has it, the name with a number."""
        name = next(name for i in count() if (name := numbered(wanted, i)) not in self._taken)
        self._taken.add(name)
        return name

    def emit(self, path: str, values: Values, rule: Callable[[NodeEmitter], list[str]]) -> list[str]:
        """Run one op's ``onnx`` rule; gives the names of its outputs: the path, or where many, the path and a number.

        The node that makes the first output is named by the path; any others by the path and their type.
        """
        start = len(self.nodes)
        results = rule(NodeEmitter(self, path, values))
        drafts = self.nodes[start:]
        last = next((d for d in reversed(drafts) if results and results[0] in d.outputs), None)
        types: Counter[str] = Counter()
        for draft in drafts:
            inner = numbered(f"{path}.{draft.op_type}", types[draft.op_type])
            types[draft.op_type] += 1
            draft.layer, draft.name = path, path if draft is last else inner
        names = self._names(path, results, drafts)
        rename(drafts, names)
        self._made.update(names.values())
        return [names.get(name, name) for name in results]

    def _names(self, path: str, results: list[str], drafts: list[OnnxNode]) -> dict[str, str]:
        """Lasting names for the outputs of an op's nodes: results by the path, the rest as their nodes."""
        wanted = {name: draft.name for draft in drafts for name in draft.outputs}
        many = len(results) > 1
        for i, result in enumerate(results):
            if result in wanted:
                wanted[result] = f"{path}.{i}" if many else path
        return {name: self.unique(wish) for name, wish in wanted.items()}

    def finish(self, outputs: dict[str, str]) -> None:
        """Give the tensors of ``outputs`` (name of the graph's output → tensor) their final names.

        What has a name already, being an input, a weight or another output, is handed on by an Identity.
        """
        final = self.renamed
        for name, tensor in outputs.items():
            if tensor in self._made and tensor not in final:
                final[tensor] = name
        rename(self.nodes, final)
        for name, tensor in outputs.items():
            if final.get(tensor) != name:
                source = final.get(tensor, tensor)
                self.nodes.append(OnnxNode("Identity", [source], [name], {}, self.unique(f"{name}.Identity")))
        self._sweep(set(outputs))

    def _sweep(self, needed: set[str]) -> None:
        """Leave out nodes that nothing reads, such as those of an input of which an op only wanted the shape."""
        kept: list[OnnxNode] = []
        for draft in reversed(self.nodes):
            if needed.intersection(draft.outputs):
                needed.update(draft.inputs)
                kept.append(draft)
        self.nodes = kept[::-1]


class NodeEmitter:
    """What one op's ``onnx`` rule writes to: ``archc.ops.base.OnnxEmitter``."""

    def __init__(self, drafts: Drafts, path: str, values: Values) -> None:
        self._drafts, self._path, self._values = drafts, path, values
        self._weights: dict[str, str] = {}
        self._count = 0

    def node(self, op_type: str, inputs: Sequence[str], *, outputs: int = 1, **attributes: Any) -> list[str]:
        names = [f"\0{self._count + i}" for i in range(outputs)]  # until the op is done and its results are known
        self._count += outputs
        given = {name: value for name, value in attributes.items() if value is not None}
        self._drafts.nodes.append(OnnxNode(op_type, list(inputs), names, given))
        return list(names)

    def has(self, name: str) -> bool:
        return name in self._values

    def weight(self, name: str) -> str:
        if name not in self._weights:
            shape, dtype = self._values.forms[name]
            final = self._drafts.unique(f"{self._path}.{name}" if name else self._path)
            values = self._values
            self._drafts.initializers[final] = Initializer(final, shape, dtype, lambda: values[name])
            self._weights[name] = final
        return self._weights[name]

    def value(self, name: str) -> Array:
        return self._values[name]

    def constant(self, value: Any, dtype: str = "float32") -> str:
        array = np.ascontiguousarray(value, dtype=np.dtype(dtype)).reshape(np.shape(value))
        key = (dtype, array.shape, array.tobytes())
        if key not in self._drafts.constants:
            name = self._drafts.unique(f"{self._path}.constant")
            self._drafts.constants[key] = name
            self._drafts.initializers[name] = Initializer(name, array.shape, dtype, lambda: array)
        return self._drafts.constants[key]
