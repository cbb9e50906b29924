"""FLOPs and bytes of a model, by kernel: a node, with the pointwise ones that follow it and only it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import onnx

from archc.measurement.workload import rules
from archc.measurement.workload.view import ModelView, NodeView, TensorView, view

_EIGHT_BITS: frozenset[int] = frozenset({onnx.TensorProto.INT8, onnx.TensorProto.UINT8})
_PRECISIONS: dict[int, str] = {
    onnx.TensorProto.FLOAT: "fp32",
    onnx.TensorProto.FLOAT16: "fp16",
    onnx.TensorProto.BFLOAT16: "bf16",
    onnx.TensorProto.DOUBLE: "fp64",
}
_COARSEST = ("int8", "bf16", "fp16", "fp32", "fp64")


@dataclass(frozen=True, slots=True)
class Kernel:
    """What a target runs in one go, at best.

    ``macs`` are multiply-adds of convolutions and matrix products, for the whole batch; ``flops`` two for each of them,
    and the other operations. ``bytes`` are what it reads and writes, each tensor once. ``precision`` is that of its
    matrix arithmetic (``fp32``, ``fp16``, ``bf16``, ``int8``); None where it has none.
    """

    name: str
    ops: tuple[str, ...]
    macs: int
    flops: int
    bytes: int
    precision: str | None


@dataclass(frozen=True, slots=True)
class Workload:
    """A model's kernels at fixed sizes.

    ``ends`` are the bytes that must be moved whatever the caches: inputs, outputs and weights, each once. ``unknown``
    are nodes that are left out, since onnx does not know their shapes.
    """

    kernels: tuple[Kernel, ...]
    ends: int
    unknown: tuple[str, ...]

    @property
    def macs(self) -> int:
        """Of all kernels."""
        return sum(k.macs for k in self.kernels)

    @property
    def flops(self) -> int:
        """Of all kernels."""
        return sum(k.flops for k in self.kernels)

    @property
    def bytes(self) -> int:
        """Of all kernels, one after the other, with nothing kept between them."""
        return sum(k.bytes for k in self.kernels)

    @property
    def precisions(self) -> list[str]:
        """Of its matrix arithmetic, what has most multiply-adds first."""
        macs = Counter[str]()
        for kernel in self.kernels:
            if kernel.precision is not None:
                macs[kernel.precision] += kernel.macs
        return [name for name, _ in macs.most_common()]

    @property
    def precision(self) -> str:
        """The coarsest of them, which says how near two runs can be."""
        return next((name for name in _COARSEST if name in self.precisions), "fp32")


def workload(model: Path | bytes | onnx.ModelProto, shapes: Mapping[str, Sequence[int]]) -> Workload:
    """What the model computes and moves with inputs of these shapes, the batch included.

    Pointwise nodes count with the node whose output they alone read, as targets fuse them: what lies between moves no
    bytes. What is quantised counts as what it is stored as. Raises ModelError where the model or the shapes are wrong.
    """
    return _Counting(view(model, shapes)).result()


@dataclass
class _Group:
    """Nodes of one kernel."""

    nodes: list[NodeView] = field(default_factory=list[NodeView])
    macs: int = 0
    other: int = 0
    precision: str | None = None


class _Counting:
    """One pass over the nodes, in order."""

    def __init__(self, model: ModelView) -> None:
        self.model = model
        self.source: dict[str, TensorView] = {}  # a view's name → the tensor that is really there
        self.free: set[str] = set()
        self.unknown: list[str] = []
        work = [node for node in model.nodes if not self._settled(node)]
        self.readers = Counter(t.name for node in work for t in self._stored(node.inputs))
        for name in model.outputs:
            self.readers[self.source[name].name if name in self.source else name] += 1
        self.home: dict[str, _Group] = {}  # tensor → the group that writes it
        self.groups: list[_Group] = []
        for node in work:
            self._add(node)

    def result(self) -> Workload:
        kernels = [self._kernel(group) for group in self.groups]
        weights = {t.name: t for g in self.groups for n in g.nodes for t in self._stored(n.inputs) if t.constant}
        outputs = {t.name: t for n in self.model.nodes for t in n.outputs if t and t.name in self.model.outputs}
        ends = sum(t.bytes for t in (*self.model.inputs, *weights.values(), *outputs.values()))
        return Workload(tuple(kernels), ends, tuple(self.unknown))

    def _settled(self, node: NodeView) -> bool:
        """Whether the node needs no work: views, constants, and what is computed of constants alone."""
        if node.op in rules.VIEWS and node.inputs and node.inputs[0] is not None and node.outputs[0] is not None:
            self.source[node.outputs[0].name] = self.source.get(node.inputs[0].name, node.inputs[0])
            return True
        if any(t is None and name for t, name in zip(node.outputs[:1], node.proto.output, strict=False)):
            self.unknown.append(node.name or node.op)
            return True
        if node.op in rules.FREE or all(t is None or t.constant or t.name in self.free for t in node.inputs):
            self.free.update(t.name for t in node.outputs if t is not None)
            return True
        return False

    def _stored(self, tensors: Sequence[TensorView | None]) -> list[TensorView]:
        found = (self.source.get(t.name, t) for t in tensors if t is not None)
        return [t for t in found if t.name not in self.free]

    def _add(self, node: NodeView) -> None:
        group = self._joined(node)
        if group is None:
            self.groups.append(group := _Group())
        group.nodes.append(node)
        if count := rules.MACS.get(node.op):
            group.macs += count(node)
            group.precision = self._precision(node)
        else:
            other = rules.OTHER.get(node.op)
            group.other += other(node) if other else node.output().numel
        for tensor in node.outputs:
            if tensor is not None:
                self.home[tensor.name] = group

    def _joined(self, node: NodeView) -> _Group | None:
        """The group of the input that this node alone reads and that has a number for each of its own."""
        if node.op not in rules.POINTWISE:
            return None
        own = [
            self.home[t.name]
            for t in self._stored(node.inputs)
            if t.name in self.home and self.readers[t.name] == 1 and t.numel == node.output().numel
        ]
        return max(own, key=self.groups.index, default=None)

    def _precision(self, node: NodeView) -> str | None:
        first, second = (self.source.get(t.name, t).kind for t in map(node.input, rules.OPERANDS.get(node.op, (0, 1))))
        if first in _EIGHT_BITS and second in _EIGHT_BITS:
            return "int8"
        return _PRECISIONS.get(node.output().kind)

    def _kernel(self, group: _Group) -> Kernel:
        made = {t.name: t for n in group.nodes for t in n.outputs if t is not None}
        read = {t.name: t for n in group.nodes for t in self._stored(n.inputs) if t.name not in made}
        within = Counter(t.name for n in group.nodes for t in self._stored(n.inputs))
        written = [t for t in made.values() if self.readers[t.name] > within[t.name]]
        moved = sum(t.bytes for t in (*read.values(), *written))
        ops = tuple(n.op for n in group.nodes)
        name = group.nodes[0].name or ops[0]
        return Kernel(name, ops, group.macs, 2 * group.macs + group.other, moved, group.precision)
