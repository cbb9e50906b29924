"""What a child reads: names after `<-` to tensors. Rules 15 to 21 of the language."""

from __future__ import annotations

from archc.diagnostics import errors
from archc.diagnostics.span import Span
from archc.graph.graph import Tensor
from archc.language.bodies import Child
from archc.language.evaluate import Evaluator
from archc.language.expression import parse_expression
from archc.language.keys import BadReference, Key, KeyText, Reference
from archc.language.reporting import Poisoned
from archc.language.scope import UNFINISHED, UNKNOWN, Built, Env, Scope, Value
from archc.language.syntax import Scalar
from archc.language.values import describe


class Wiring:
    """Resolves references in a scope. Raises Poisoned after reporting."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator

    def inputs(
        self, child: Child, key: KeyText | None, scope: Scope, env: Env
    ) -> tuple[list[Value], list[Span] | None]:
        """What the child reads, and where each is named; `prev` where nothing is said."""
        if key is None or key.references is None:
            return ([] if scope.prev is None else [scope.prev]), None
        assert child.key is not None
        values: list[Value] = []
        spans: list[Span] = []
        for reference in key.references:
            span = child.key.scalar.part(reference.start, reference.end) if child.key.fixed else child.span
            found = self.reference(reference, span, scope, env, child.key if child.key.fixed else None)
            values += found
            self.evaluator.step(len(found), span)
            spans += [span] * len(found)
        return values, spans

    def reference(
        self, reference: Reference | BadReference, span: Span, scope: Scope, env: Env, key: Key | None
    ) -> list[Value]:
        if isinstance(reference, BadReference):
            self.evaluator.fail(errors.bad_reference(span, reference.text))
        if not reference.path:
            return [[]]
        found = self.follow(reference.path, span, scope)
        if reference.all:
            return self.all_children(found, reference.path, span)
        value = found.value if isinstance(found, Built) else found
        if value is None:
            children = list(found.children) if isinstance(found, Built) else []
            self.evaluator.fail(errors.container_is_no_tensor(span, ".".join(reference.path), children))
        if reference.index is None or value is UNKNOWN:
            return [value]
        return [self.indexed(value, reference, span, scope, env, key)]

    def follow(self, path: tuple[str, ...], span: Span, scope: Scope) -> Built | Value:
        """A name in reach, then down by names and numbers (rules 17 and 18)."""
        found = scope.find(path[0])
        if found is None:
            if path[0] == "prev":
                self.evaluator.fail(errors.no_prev(span))
            if scope.lost(path[0]):
                raise Poisoned
            self.evaluator.fail(errors.unknown_tensor(span, path[0], scope.in_reach(), scope.header))
        for depth, part in enumerate(path[1:], 1):
            if not isinstance(found, Built):
                self.evaluator.fail(errors.no_children(span, ".".join(path[:depth])))
            if part not in found.children:
                if found.lost(part) or scope.lost(path[0]):
                    raise Poisoned
                self.evaluator.fail(errors.unknown_child(span, ".".join(path[:depth]), part, list(found.children)))
            found = found.children[part]
        return found

    def all_children(self, found: Built | Value, path: tuple[str, ...], span: Span) -> list[Value]:
        """`a.*`: all direct children, in the order in which they were built (rule 19)."""
        if isinstance(found, Built) and (found.value is UNKNOWN or found.children.lost):
            raise Poisoned
        children = sorted(_children(found), key=lambda c: c.order) if isinstance(found, Built) else []
        values = [c.value for c in children if c.value is not None]
        if not values:
            self.evaluator.fail(errors.no_children(span, ".".join(path)))
        return values

    def indexed(
        self, value: Value, reference: Reference, span: Span, scope: Scope, env: Env, key: Key | None
    ) -> Tensor:
        """`a[e]`: one tensor of a list (rule 20)."""
        name = ".".join(reference.path)
        if not isinstance(value, list):
            self.evaluator.fail(errors.tensor_not_list(span, name))
        assert reference.index is not None
        text = reference.index
        if key is not None:
            start = reference.index_start
            expression = parse_expression(key.scalar, self.evaluator.collector, start, start + len(text))
        else:
            expression = parse_expression(Scalar(text, True, span, False), self.evaluator.collector)
        if expression is None:
            raise Poisoned
        index = self.evaluator.value(expression, env, scope)
        if not isinstance(index, int) or isinstance(index, bool):
            self.evaluator.fail(errors.index_not_integer(expression.span, describe(index)))
        if not -len(value) <= index < len(value):
            self.evaluator.fail(errors.index_out_of_range(expression.span, index, len(value)))
        return value[index]


def _children(found: Built) -> list[Built]:
    """The direct children; those that dotted names put into containers are direct too."""
    children: list[Built] = []
    for child in found.children.values():
        if child.value is None:
            children += _children(child)
        elif child.value is not UNFINISHED:
            children.append(child)
    return children
