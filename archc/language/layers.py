"""One layer that is an op: its inputs, its shapes and weights, its node. Rules 22, 23 and 27 of the language."""

from __future__ import annotations

from math import prod
from typing import Any

from archc.diagnostics import errors
from archc.diagnostics.span import Span
from archc.graph.graph import Node, Origin, Tensor
from archc.language import limits
from archc.language.place import Place
from archc.language.reporting import Reporter
from archc.language.scope import UNKNOWN, Value
from archc.language.values import Call
from archc.ops.base import Op, OpError, Weight
from archc.ops.join import Tuple
from archc.ops.shape import Shape


def unknown(place: Place) -> Value:
    """Nothing is known of what is there. The place is taken, so that one mistake is not reported as another."""
    if place.built is None:
        place.take(None)
    return UNKNOWN


class LayerBuilder:
    """Makes the nodes of a network, in order."""

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter
        self.nodes: list[Node] = []

    def op(self, call: Call, target: type[Op], inputs: list[Value], place: Place, span: Span) -> Value:
        """One op: the node with its shapes and weights."""
        if len(self.nodes) >= limits.LAYERS:
            self.reporter.exhaust(errors.too_many_layers(span, limits.LAYERS))
        if target is Tuple:
            return self.wire(inputs, place)
        tensors = self.operands(target, inputs, place, span)
        if tensors is None:
            return unknown(place)
        op = target(**call.arguments)
        shapes = [t.shape for t in tensors]
        try:
            found = op.infer(*shapes)
            weights = op.weights(*shapes)
        except OpError as error:
            self.reporter.report(errors.op_error(error, target.name, call, place, span, tensors))
            return unknown(place)
        self.refuse_large(found, weights, span)
        return self.node(op, tensors, shapes, found, weights, place, span)

    def refuse_large(self, found: Shape | list[Shape], weights: dict[str, Weight], span: Span) -> None:
        """Shapes that no machine can address, and lists without end."""
        outputs = found if isinstance(found, list) else [found]
        if len(outputs) > limits.LIST:
            self.reporter.fail(errors.list_too_long(span))
        if any(s.numel >= limits.INTEGER for s in outputs):
            self.reporter.fail(errors.tensor_too_large(span, "its output"))
        if any(prod(w.shape) >= limits.INTEGER for w in weights.values()):
            self.reporter.fail(errors.tensor_too_large(span, "a weight of it"))

    def node(
        self, op: Op, tensors: list[Tensor], shapes: list[Shape], found: Shape | list[Shape], weights: Any,
        place: Place, span: Span,
    ) -> Value:  # fmt: skip
        many = isinstance(found, list)
        outputs = tuple(Tensor(s) for s in (found if isinstance(found, list) else [found]))
        path, index = place.path, len(self.nodes)
        origin = Origin(span, self.reporter.origin)
        macs = op.macs(shapes, outputs[0].shape)
        made = Node(index, place.name, path, op, tuple(tensors), outputs, many, place.parent, origin, weights, macs)
        for i, tensor in enumerate(outputs):
            tensor.producer, tensor.index = made, i
            tensor.name = f"{path}.{i}" if many else path
        self.nodes.append(made)
        place.take(made)
        return list(outputs) if many else outputs[0]

    def wire(self, inputs: list[Value], place: Place) -> Value:
        """`tuple` computes nothing: it is a list of tensors."""
        flat: list[Tensor] = []
        for value in inputs:
            if value is UNKNOWN:
                return unknown(place)
            flat += value if isinstance(value, list) else [value]  # pyright: ignore[reportAssignmentType, reportOperatorIssue]
            self.reporter.step(len(flat) // 8, place.span)
        place.take(None)
        return flat

    def operands(self, target: type[Op], inputs: list[Value], place: Place, span: Span) -> list[Tensor] | None:
        """The tensors that the op reads; lists are taken apart by the ops that take many (rule 22). None if unknown."""
        if target.arity == 0:
            if place.references is not None:
                self.reporter.fail(errors.reads_nothing(place.span, target.name))
            return []
        flat: list[Tensor] = []
        for i, value in enumerate(inputs):
            if isinstance(value, Tensor):
                flat.append(value)
            elif isinstance(value, list):
                if target.arity is not None:
                    self.reporter.fail(errors.list_as_tensor(place.reference(i), target.name, len(value)))
                flat += value
                self.reporter.step(len(flat) // 8, place.span)
            else:
                return None
        if not inputs and place.references is None:
            self.reporter.fail(errors.no_prev(place.span))
        if target.arity is not None and len(flat) != target.arity:
            self.reporter.fail(errors.wrong_number_of_inputs(place.span, target.name, target.arity, len(flat)))
        if not flat:
            self.reporter.fail(errors.joins_nothing(place.span, target.name))
        return flat
