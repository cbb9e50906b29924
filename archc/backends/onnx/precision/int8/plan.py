"""Which nodes compute in integers, and which activations are rounded for it."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

from archc.backends.onnx.precision.int8 import rules
from archc.backends.onnx.program import OnnxNode, Program


@dataclass
class Plan:
    """The decision for a program, before any number of it is known.

    ``clips`` are ops that vanish in the rounding of their input: clip → the node whose result it clips. ``tensors`` are
    those that are rounded, in order; ``sources`` say for one whose numbers are only moved where they come from.
    """

    program: Program
    nodes: dict[OnnxNode, None] = field(default_factory=dict[OnnxNode, None])
    clips: dict[OnnxNode, OnnxNode] = field(default_factory=dict[OnnxNode, OnnxNode])
    tensors: dict[str, None] = field(default_factory=dict[str, None])
    sources: dict[str, str] = field(default_factory=dict[str, str])

    def source(self, tensor: str) -> str:
        """The tensor whose scale this one has."""
        while tensor in self.sources:
            tensor = self.sources[tensor]
        return tensor

    def observed(self) -> list[str]:
        """The tensors whose ranges are to be known, in order."""
        return list(dict.fromkeys(self.source(tensor) for tensor in self.tensors))

    def result(self, node: OnnxNode, index: int = 0) -> str:
        """The tensor in which a node's result is rounded: its own, or that of the clip after it."""
        after = self.program.only_consumer(node.outputs[index])
        return after.outputs[0] if after is not None and after in self.clips else node.outputs[index]

    def read_in_integers(self, tensor: str) -> bool:
        """Whether a node that computes in integers reads the tensor as an activation."""
        return any(n in self.nodes and tensor in rules.activations(n) for n in self.program.consumers(tensor))


def plan(program: Program, kept: Container[str] = ()) -> Plan:
    """What becomes integers in a program, but for the layers that are ``kept`` in fp32."""
    made = Plan(program)
    _choose(made, kept)
    _drop_useless(made)
    for node in made.nodes:
        _round_around(made, node)
    return made


def _choose(made: Plan, kept: Container[str]) -> None:
    """Ops with weights; and others, where all that they read is there in 8 bits anyway."""
    program = made.program
    open = [node for node in program.nodes if node.layer not in kept]
    weighted = {node for node in open if rules.weight_axis(node, program) is not None}
    rounded = {node.inputs[0] for node in weighted}
    for node in open:
        clipped = _clipped(made, node)
        if clipped is not None:
            made.clips[node] = clipped
        elif node in weighted or (rules.runs_in_integers(node) and rounded.issuperset(rules.activations(node))):
            made.nodes[node] = None
        else:
            continue
        rounded.update(node.outputs)


def _clipped(made: Plan, node: OnnxNode) -> OnnxNode | None:
    """The node that computes in integers and whose result this one alone reads, and clips to bounds around zero."""
    if node.op_type not in rules.CLIPPING or node.domain:
        return None
    before, ends = made.program.producer(node.inputs[0]), rules.bounds(node, made.program)
    if before not in made.nodes or made.program.only_consumer(node.inputs[0]) is not node or ends is None:
        return None
    return before if before.op_type not in rules.MOVING and ends[0] <= 0 <= ends[1] else None


def _drop_useless(made: Plan) -> None:
    """Ops without weights whose result is wanted in fp32 alone: rounding it would cost time, and exactness."""
    for node in reversed(list(made.nodes)):
        if rules.weight_axis(node, made.program) is not None:
            continue
        results = [made.result(node, i) for i in range(len(node.outputs))]
        if not any(made.read_in_integers(tensor) for tensor in results):
            del made.nodes[node]
            made.clips = {clip: before for clip, before in made.clips.items() if before is not node}


def _round_around(made: Plan, node: OnnxNode) -> None:
    for tensor in rules.activations(node):
        made.tensors[tensor] = None
    for i, own in enumerate(node.outputs):
        result = made.result(node, i)
        if node.op_type in rules.GIVES_FLOAT and not made.read_in_integers(result):
            made.clips = {clip: before for clip, before in made.clips.items() if before is not node}
            continue
        made.tensors[result] = None
        if node.op_type in rules.MOVING:
            made.sources[own] = node.inputs[0]
