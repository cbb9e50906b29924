"""A network as ONNX nodes that passes can rewrite: between the graph, which says what is computed, and the file.

Tensors are names, as in ONNX. Each is made by one node, or is an input or an initializer. The numbers of initializers
are read when they are asked for, and when the file is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from archc.backends.onnx.values import Array
from archc.backends.onnx.wire import Initializer, dtype_of

BATCH = "N"


class TensorType(NamedTuple):
    """Sizes, of which the batch is a name, and the dtype as numpy names it."""

    shape: tuple[int | str, ...]
    dtype: str = "float32"


@dataclass(slots=True, eq=False)
class OnnxNode:
    """One ONNX node. ``layer`` is the path, in the spec, of the layer that it computes or is a part of."""

    op_type: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any] = field(default_factory=dict[str, Any])
    name: str = ""
    layer: str = ""
    domain: str = ""


def numbered(name: str, number: int) -> str:
    return f"{name}_{number}" if number else name


class Program:
    """The nodes and initializers of a model, and who makes and who reads each tensor.

    Nodes may be added in any order: ``settle`` puts them in order and leaves out what nothing reads. ``inputs`` and
    ``outputs`` give the types that the file declares; ``types`` those of tensors within, as far as they are known:
    always for the results of layers.
    """

    def __init__(
        self,
        nodes: Iterable[OnnxNode],
        initializers: Iterable[Initializer],
        inputs: Mapping[str, TensorType],
        outputs: Mapping[str, TensorType],
        types: Mapping[str, TensorType],
        opset: int,
    ) -> None:
        self.inputs, self.outputs, self.types = dict(inputs), dict(outputs), dict(types)
        self.initializers = {i.name: i for i in initializers}
        self.opsets = {"": opset}
        self.metadata: dict[str, str] = {}
        self._nodes: dict[OnnxNode, None] = {}
        self._producers: dict[str, OnnxNode] = {}
        self._consumers: dict[str, list[OnnxNode]] = {}
        self._taken = {*self.inputs, *self.outputs, *self.initializers}
        for node in nodes:
            self.append(node)

    def copy(self) -> Program:
        """The same nodes anew, so that one can be rewritten and the other kept. Initializers are not copied."""
        nodes = [
            OnnxNode(n.op_type, [*n.inputs], [*n.outputs], {**n.attributes}, n.name, n.layer, n.domain)
            for n in self._nodes
        ]
        made = Program(nodes, self.initializers.values(), self.inputs, self.outputs, self.types, self.opsets[""])
        made.opsets, made.metadata = {**self.opsets}, {**self.metadata}
        return made

    # Reading

    @property
    def nodes(self) -> list[OnnxNode]:
        """All nodes; in an order of execution after ``settle``."""
        return list(self._nodes)

    def of_type(self, *op_types: str) -> list[OnnxNode]:
        """The nodes of these types, in order."""
        return [node for node in self._nodes if node.op_type in op_types and not node.domain]

    def producer(self, tensor: str) -> OnnxNode | None:
        """The node that makes the tensor; None for an input of the model and for an initializer."""
        return self._producers.get(tensor)

    def consumers(self, tensor: str) -> list[OnnxNode]:
        """The nodes that read the tensor, one that reads it twice counted once."""
        return list(dict.fromkeys(self._consumers.get(tensor, ())))

    def only_consumer(self, tensor: str) -> OnnxNode | None:
        """The one node that reads the tensor; None where there are several, or where it is an output of the model."""
        readers = self.consumers(tensor)
        return readers[0] if len(readers) == 1 and tensor not in self.outputs else None

    def chain(self, node: OnnxNode, *op_types: str) -> list[OnnxNode] | None:
        """The nodes of these types that follow ``node``, each the only reader of the one before; None if they don't."""
        found: list[OnnxNode] = []
        for op_type in op_types:
            following = self.only_consumer(node.outputs[0])
            if following is None or following.op_type != op_type or following.domain:
                return None
            found.append(following)
            node = following
        return found

    def is_constant(self, tensor: str) -> bool:
        """Whether the tensor is an initializer, so that its numbers are known."""
        return tensor in self.initializers

    def value(self, tensor: str) -> Array:
        """The numbers of an initializer."""
        return np.asarray(self.initializers[tensor].read(), dtype_of(self.initializers[tensor].dtype))

    def shape(self, tensor: str) -> tuple[int | str, ...] | None:
        """The sizes of a tensor, the batch among them; None where they are not known."""
        if tensor in self.initializers:
            return self.initializers[tensor].shape
        known = self.types.get(tensor) or self.inputs.get(tensor) or self.outputs.get(tensor)
        return known.shape if known else None

    def dtype(self, tensor: str) -> str | None:
        """The dtype of a tensor; None where it is not known."""
        if tensor in self.initializers:
            return self.initializers[tensor].dtype
        known = self.types.get(tensor) or self.inputs.get(tensor) or self.outputs.get(tensor)
        return known.dtype if known else None

    # Writing

    def unique(self, wanted: str) -> str:
        """The name, or where a tensor or a node has it, the name with a number; from now on it is taken."""
        name = next(name for i in count() if (name := numbered(wanted, i)) not in self._taken)
        self._taken.add(name)
        return name

    def append(self, node: OnnxNode) -> None:
        """Add a node whose tensors are named."""
        self._nodes[node] = None
        self._taken.add(node.name)
        for tensor in node.outputs:
            self._taken.add(tensor)
            self._producers[tensor] = node
        for tensor in node.inputs:
            self._consumers.setdefault(tensor, []).append(node)

    def add(
        self,
        op_type: str,
        inputs: Sequence[str],
        *,
        like: OnnxNode,
        name: str = "",
        domain: str = "",
        outputs: int = 1,
        type: TensorType | None = None,
        **attributes: Any,
    ) -> list[str]:
        """Add a node to the layer of ``like``; gives the new names of its outputs.

        They and the node are called ``name``, or the layer's path and the node's type; ``type`` is the first output's.
        """
        wanted = name or f"{like.layer}.{op_type}"
        made = [self.unique(wanted if i == 0 else f"{wanted}.{i}") for i in range(outputs)]
        self.append(OnnxNode(op_type, list(inputs), made, attributes, made[0], like.layer, domain))
        if type is not None:
            self.types[made[0]] = type
        return made

    def remove(self, node: OnnxNode) -> None:
        """Take a node away. What read its outputs must be given something else to read."""
        del self._nodes[node]
        for tensor in node.outputs:
            self._producers.pop(tensor, None)
        for tensor in node.inputs:
            self._consumers[tensor].remove(node)

    def set_inputs(self, node: OnnxNode, inputs: Sequence[str]) -> None:
        """Let a node read these tensors."""
        for tensor in node.inputs:
            self._consumers[tensor].remove(node)
        node.inputs = list(inputs)
        for tensor in node.inputs:
            self._consumers.setdefault(tensor, []).append(node)

    def redirect(self, old: str, new: str, readers: Iterable[OnnxNode] | None = None) -> None:
        """Let all that read ``old``, or these of them, read ``new``. The model's outputs stay as they are."""
        for node in self.consumers(old) if readers is None else list(readers):
            self.set_inputs(node, [new if tensor == old else tensor for tensor in node.inputs])

    def set_output(self, node: OnnxNode, index: int, name: str) -> None:
        """Call an output of a node ``name``; what read it under the old name does not follow."""
        self._producers.pop(node.outputs[index], None)
        node.outputs[index] = name
        self._taken.add(name)
        self._producers[name] = node

    def bypass(self, node: OnnxNode) -> bool:
        """Take away a node whose first output is its first input; gives whether that could be done.

        An output of the model keeps its name: the producer of the input then makes it under that name.
        """
        source, result = node.inputs[0], node.outputs[0]
        if result in self.outputs:
            producer = self.producer(source)
            if producer is None or source in self.outputs:
                return False
            self.remove(node)
            self.set_output(producer, producer.outputs.index(source), result)
            self.redirect(source, result)
            return True
        self.remove(node)
        self.redirect(result, source)
        return True

    def constant(self, name: str, value: Any, dtype: str = "float32") -> str:
        """A new initializer with these numbers; gives its name, which is ``name`` or near it."""
        array = np.ascontiguousarray(value, dtype_of(dtype)).reshape(np.shape(value))
        return self.initializer(name, array.shape, dtype, lambda: array)

    def initializer(self, name: str, shape: Sequence[int], dtype: str, read: Callable[[], Array]) -> str:
        """A new initializer, its numbers read by ``read`` when they are needed; gives its name."""
        final = self.unique(name)
        self.initializers[final] = Initializer(final, tuple(shape), dtype, read)
        return final

    def replace_initializer(self, name: str, *, dtype: str, read: Callable[[], Array]) -> None:
        """Give an initializer other numbers, of the same shape, for all that read it."""
        self.initializers[name] = Initializer(name, self.initializers[name].shape, dtype, read)

    def settle(self) -> None:
        """Order nodes so that each stands after what it reads, and leave out nodes and initializers that nothing reads.

        The order there was is kept as far as it can be. A new node goes before the first that reads it.
        """
        ordered = self._ordered()
        needed = set(self.outputs)
        live: set[OnnxNode] = set()
        for node in reversed(ordered):
            if needed.intersection(node.outputs):
                needed.update(node.inputs)
                live.add(node)
        for node in ordered:
            if node not in live:
                self.remove(node)
        self._nodes = {node: None for node in ordered if node in live}
        self.initializers = {name: i for name, i in self.initializers.items() if name in needed}
        made = {*self._producers, *self.inputs, *self.outputs}
        self.types = {name: type for name, type in self.types.items() if name in made}

    def _ordered(self) -> list[OnnxNode]:
        ordered: dict[OnnxNode, None] = {}
        entered: set[OnnxNode] = set()
        for root in self._nodes:
            stack: list[OnnxNode] = [root]
            while stack:
                node = stack[-1]
                waiting = [p for p in self._before(node) if p not in ordered] if node not in entered else []
                entered.add(node)
                if waiting:
                    stack.extend(reversed(waiting))
                    continue
                stack.pop()
                ordered.setdefault(node)
        return list(ordered)

    def _before(self, node: OnnxNode) -> Iterator[OnnxNode]:
        return (p for tensor in node.inputs if (p := self._producers.get(tensor)) is not None)
