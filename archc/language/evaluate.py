"""Values of expressions, by walking their trees. Rules 28 to 44 of the language."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from math import isfinite
from typing import Any, cast

from archc.diagnostics import errors
from archc.diagnostics.collector import Collector
from archc.diagnostics.span import Span
from archc.graph.graph import Tensor
from archc.language import limits
from archc.language.binding import bind_block, bind_op
from archc.language.expression import Expression
from archc.language.functions import Misuse, same
from archc.language.operators import BINARY, ORDER, fit
from archc.language.reporting import Poisoned, Reporter
from archc.language.scope import POISON, UNKNOWN, Built, Env, Scope
from archc.language.values import Block, Call, Function, describe, is_layer, is_list, is_op, size


class Evaluator(Reporter):
    """Evaluates within bounds. One for the building of a network, so that the bounds are of the whole."""

    def __init__(self, collector: Collector) -> None:
        super().__init__(collector)
        self.expression: Expression | None = None

    # what the rest of the compiler calls

    def value(self, expression: Expression, env: Env, scope: Scope | None) -> Any:
        """The value. Raises Poisoned after reporting."""
        outer, self.expression = self.expression, expression
        try:
            return self._walk(expression.tree, env, scope)
        finally:
            self.expression = outer

    def truth(self, expression: Expression, env: Env, scope: Scope | None) -> bool:
        """The value as a condition, by Python's truth."""
        value = self.value(expression, env, scope)
        if is_layer(value) or isinstance(value, Function):
            self.fail(errors.layer_as_condition(expression.span, describe(value)))
        return bool(value)

    # one method for each kind of node

    def _walk(self, node: ast.expr, env: Env, scope: Scope | None) -> Any:
        self.steps += 1
        if self.steps > limits.STEPS:
            self.step(0, self._place(node))
        return _WALK[type(node)](self, node, env, scope)

    def _place(self, node: ast.AST) -> Span:
        assert self.expression is not None
        return self.expression.place(node)

    def _constant(self, node: ast.Constant, env: Env, scope: Scope | None) -> Any:
        return self._bounded(node.value, node)

    def _name(self, node: ast.Name, env: Env, scope: Scope | None) -> Any:
        found, value = env.find(node.id)
        if value is POISON:
            raise Poisoned
        if not found:
            if node.id in ("true", "false"):
                return node.id == "true"
            if node.id == "null":
                return None
            tensor = scope is not None and (node.id in scope.in_reach() or node.id == "prev")
            self.fail(errors.unknown_name(self._place(node), node.id, env.all_names(), is_tensor=tensor))
        return value

    def _list(self, node: ast.List | ast.Tuple, env: Env, scope: Scope | None) -> list[Any]:
        return self._bounded([self._walk(item, env, scope) for item in node.elts], node)

    def _conditional(self, node: ast.IfExp, env: Env, scope: Scope | None) -> Any:
        return self._walk(node.body if self._condition(node.test, env, scope) else node.orelse, env, scope)

    def _condition(self, node: ast.expr, env: Env, scope: Scope | None) -> bool:
        value = self._walk(node, env, scope)
        if is_layer(value) or isinstance(value, Function):
            self.fail(errors.layer_as_condition(self._place(node), describe(value)))
        return bool(value)

    def _and_or(self, node: ast.BoolOp, env: Env, scope: Scope | None) -> Any:
        stop = isinstance(node.op, ast.Or)
        value: Any = None
        for part in node.values:
            value = self._walk(part, env, scope)
            if is_layer(value) or isinstance(value, Function):
                self.fail(errors.layer_as_condition(self._place(part), describe(value)))
            if bool(value) is stop:
                return value
        return value

    def _unary(self, node: ast.UnaryOp, env: Env, scope: Scope | None) -> Any:
        if isinstance(node.op, ast.Not):
            return not self._condition(node.operand, env, scope)
        value = self._walk(node.operand, env, scope)
        if not isinstance(value, int | float):
            self.fail(errors.wrong_operand(self._place(node.operand), "-", describe(value)))
        return -value if isinstance(node.op, ast.USub) else +value

    def _binary(self, node: ast.BinOp, env: Env, scope: Scope | None) -> Any:
        left, right = self._walk(node.left, env, scope), self._walk(node.right, env, scope)
        symbol, compute = BINARY[type(node.op)]
        if not fit(symbol, left, right):
            wrong = node.right if isinstance(left, int | float) else node.left
            value = right if wrong is node.right else left
            self.fail(errors.wrong_operand(self._place(wrong), symbol, describe(value)))
        self._bound_before(symbol, left, right, node)
        try:
            return self._bounded(compute(left, right), node)
        except ZeroDivisionError:
            self.fail(errors.no_value(self._place(node), "this divides by 0"))
        except OverflowError:
            self.fail(errors.number_too_large(self._place(node)))

    def _bound_before(self, symbol: str, left: Any, right: Any, node: ast.BinOp) -> None:
        """Refuse what would be large before it is made."""
        if symbol == "**" and isinstance(left, int) and isinstance(right, int) and left.bit_length() * right > 128:
            self.fail(errors.number_too_large(self._place(node)))
        if symbol == "*" and isinstance(left, list | str) != isinstance(right, list | str):
            many, count = cast("tuple[list[Any], int]", (left, right) if isinstance(right, int) else (right, left))
            if len(many) * max(0, count) > (limits.TEXT if isinstance(many, str) else limits.LIST):
                self.fail(errors.list_too_long(self._place(node)))
            self.step(len(many) * max(0, count), self._place(node))

    def _bounded(self, value: Any, node: ast.AST) -> Any:
        if isinstance(value, int) and not -limits.INTEGER < value < limits.INTEGER:
            self.fail(errors.number_too_large(self._place(node)))
        if isinstance(value, complex) or (isinstance(value, float) and not isfinite(value)):
            self.fail(errors.no_value(self._place(node), "this is no finite real number"))
        if isinstance(value, str) and len(value) > limits.TEXT:
            self.fail(errors.list_too_long(self._place(node)))
        if is_list(value):
            self.step(self._size(value, node) // 8, self._place(node))
        return value

    def _size(self, value: list[Any], node: ast.AST) -> int:
        """Items of a list with those of the lists in it, which are within bounds."""
        count = size(value, limits.LIST, limits.NESTING)
        if count > limits.LIST:
            self.fail(errors.list_too_long(self._place(node)))
        return count

    def _compare(self, node: ast.Compare, env: Env, scope: Scope | None) -> bool:
        left = self._walk(node.left, env, scope)
        for op, part in zip(node.ops, node.comparators, strict=True):
            right = self._walk(part, env, scope)
            if not self._holds(op, left, right, node, part):
                return False
            left = right
        return True

    def _holds(self, op: ast.cmpop, left: Any, right: Any, node: ast.Compare, part: ast.expr) -> bool:
        for value in (left, right):
            if is_list(value):
                self.step(self._size(value, node), self._place(node))
        if isinstance(op, ast.Eq | ast.NotEq):
            return same(left, right) is isinstance(op, ast.Eq)
        if isinstance(op, ast.In | ast.NotIn):
            if isinstance(left, str) and isinstance(right, str):
                return (left in right) is isinstance(op, ast.In)
            if not is_list(right):
                self.fail(errors.wrong_operand(self._place(part), "in", describe(right)))
            return any(same(left, item) for item in right) is isinstance(op, ast.In)
        symbol, compute = ORDER[type(op)]
        if is_layer(left) or is_layer(right):
            self.fail(errors.wrong_operand(self._place(node), symbol, describe(left if is_layer(left) else right)))
        try:
            return bool(compute(left, right))
        except TypeError:
            self.fail(errors.not_comparable(self._place(node), symbol, describe(left), describe(right)))

    def _subscript(self, node: ast.Subscript, env: Env, scope: Scope | None) -> Any:
        value = self._walk(node.value, env, scope)
        if not isinstance(value, str) and not is_list(value):
            self.fail(errors.not_a_list(self._place(node.value), describe(value)))
        items: str | list[Any] = value
        if isinstance(node.slice, ast.Slice):
            parts = [self._index(p, env, scope) for p in (node.slice.lower, node.slice.upper, node.slice.step)]
            if parts[2] == 0:
                self.fail(errors.no_value(self._place(node), "a step of 0 goes nowhere"))
            return self._bounded(items[slice(*parts)], node)
        index = self._index(node.slice, env, scope)
        if not -len(items) <= index < len(items):
            self.fail(errors.index_out_of_range(self._place(node.slice), index, len(items)))
        if items[index] is POISON:
            raise Poisoned
        return items[index]

    def _index(self, node: ast.expr | None, env: Env, scope: Scope | None) -> Any:
        if node is None:
            return None
        value = self._walk(node, env, scope)
        if not isinstance(value, int) or isinstance(value, bool):
            self.fail(errors.index_not_integer(self._place(node), describe(value)))
        return value

    def _channels(self, node: ast.Attribute, env: Env, scope: Scope | None) -> int:
        """`name.channels` or `name[i].channels`: the size of axis 1."""
        base = node.value.value if isinstance(node.value, ast.Subscript) else node.value
        assert isinstance(base, ast.Name)
        found = scope.find(base.id) if scope is not None else None
        value = found.value if isinstance(found, Built) else found
        if value is UNKNOWN:
            raise Poisoned
        if value is None and scope is not None and scope.lost(base.id):
            raise Poisoned
        if isinstance(found, Built) and value is None:
            self.fail(errors.container_is_no_tensor(self._place(base), base.id, list(found.children)))
        if value is None:
            reach = [*(scope.in_reach() if scope else []), *(["prev"] if scope and scope.prev is not None else [])]
            header = scope.header if scope is not None else None
            self.fail(errors.unknown_tensor(self._place(base), base.id, reach, header))
        if isinstance(node.value, ast.Subscript):
            value = self._item(value, node.value, env, scope)
        if isinstance(value, list):
            self.fail(errors.list_has_no_channels(self._place(node.value), base.id, len(value)))
        assert isinstance(value, Tensor)
        if value.shape.rank < 2:
            self.fail(errors.no_value(self._place(node), f"{value.shape} has no axis 1"))
        return value.shape.channels

    def _item(self, value: Any, node: ast.Subscript, env: Env, scope: Scope | None) -> Tensor:
        if not is_list(value):
            self.fail(errors.tensor_not_list(self._place(node.value), ast.unparse(node.value)))
        tensors: list[Tensor] = value
        if isinstance(node.slice, ast.Slice):
            self.fail(errors.index_not_integer(self._place(node), "a slice"))
        index: int = self._index(node.slice, env, scope)
        if not -len(tensors) <= index < len(tensors):
            self.fail(errors.index_out_of_range(self._place(node.slice), index, len(tensors)))
        return tensors[index]

    def _comprehension(self, node: ast.ListComp | ast.GeneratorExp, env: Env, scope: Scope | None) -> list[Any]:
        found: list[Any] = []
        for inner in self._loops(node.generators, Env(env), scope):
            found.append(self._walk(node.elt, inner, scope))
            if len(found) > limits.LIST:
                self.fail(errors.list_too_long(self._place(node)))
        return self._bounded(found, node)

    def _loops(self, generators: list[ast.comprehension], env: Env, scope: Scope | None) -> Iterator[Env]:
        if not generators:
            yield env
            return
        first, rest = generators[0], generators[1:]
        place = self._place(first.target)
        for item in self.items(self._walk(first.iter, env, scope), self._place(first.iter)):
            self.steps += 1  # the next expression sees whether that was too much
            self.unpack(first.target, item, env, place)
            if all(self._condition(test, env, scope) for test in first.ifs):
                yield from self._loops(rest, env, scope)

    def items(self, value: Any, span: Span) -> list[Any]:
        """The list to go over. Raises Poisoned where it is none."""
        if not is_list(value):
            self.fail(errors.not_a_list(span, describe(value), loop=True))
        return value

    def unpack(self, target: ast.expr, value: Any, env: Env, span: Span) -> None:
        """Bind the names of a target, which must fit exactly."""
        if isinstance(target, ast.Name):
            env.names[target.id] = value
            return
        assert isinstance(target, ast.Tuple | ast.List)
        if not is_list(value) or len(value) != len(target.elts):
            self.fail(errors.target_misfit(span, len(target.elts), describe(value)))
        for part, item in zip(target.elts, value, strict=True):
            self.unpack(part, item, env, span)

    def _call(self, node: ast.Call, env: Env, scope: Scope | None) -> Any:
        target = self._walk(node.func, env, scope)
        if isinstance(target, Function):
            return self._function(target, node, env, scope)
        if isinstance(target, Call):
            self.fail(errors.already_called(self._place(node.func), target.target.name))
        if not isinstance(target, Block) and not is_op(target):
            name = node.func.id if isinstance(node.func, ast.Name) else "this"
            self.fail(errors.not_callable(self._place(node.func), name, describe(target)))
        arguments = [(None, a, self._argument(a, env, scope)) for a in node.args]
        arguments += [(k.arg, k.value, self._argument(k.value, env, scope)) for k in node.keywords]
        placed = [(name, value, self._place(part)) for name, part, value in arguments]
        names = [self._keyword_place(k) for k in node.keywords]
        span = self._place(node)
        if isinstance(target, Block):
            call, problems = bind_block(target, placed, names, span)
        else:
            call, problems = bind_op(target, placed, names, span)
        for problem in problems:
            self.report(problem)
        if problems or call is None or any(value is POISON for _, value, _ in placed):
            raise Poisoned
        return call

    def _argument(self, node: ast.expr, env: Env, scope: Scope | None) -> Any:
        """An argument's value; POISON where it failed, so that the others are looked at too."""
        try:
            return self._walk(node, env, scope)
        except Poisoned:
            return POISON

    def _keyword_place(self, node: ast.keyword) -> Span:
        assert self.expression is not None and node.arg is not None
        return self.expression.columns(node.col_offset, node.col_offset + len(node.arg.encode()))

    def _function(self, target: Function, node: ast.Call, env: Env, scope: Scope | None) -> Any:
        values = [self._walk(a, env, scope) for a in node.args]
        named = {str(k.arg): self._walk(k.value, env, scope) for k in node.keywords}
        span = self._place(node)
        self.step(sum(len(v) for v in values if is_list(v)), span)
        try:
            return self._bounded(target.call(*values, **named), node)
        except Misuse as misuse:
            self.fail(errors.wrong_function_argument(span, target.name, str(misuse), target.signature))
        except TypeError:
            self.fail(errors.wrong_function_call(span, target.name, target.signature))
        except (ValueError, ZeroDivisionError):
            self.fail(errors.no_value(span, f"`{target.name}` has no value here"))
        except OverflowError:
            self.fail(errors.number_too_large(span))


_WALK: dict[type[ast.expr], Callable[..., Any]] = {
    ast.Constant: Evaluator._constant,  # pyright: ignore[reportPrivateUsage]
    ast.Name: Evaluator._name,  # pyright: ignore[reportPrivateUsage]
    ast.List: Evaluator._list,  # pyright: ignore[reportPrivateUsage]
    ast.Tuple: Evaluator._list,  # pyright: ignore[reportPrivateUsage]
    ast.IfExp: Evaluator._conditional,  # pyright: ignore[reportPrivateUsage]
    ast.BoolOp: Evaluator._and_or,  # pyright: ignore[reportPrivateUsage]
    ast.UnaryOp: Evaluator._unary,  # pyright: ignore[reportPrivateUsage]
    ast.BinOp: Evaluator._binary,  # pyright: ignore[reportPrivateUsage]
    ast.Compare: Evaluator._compare,  # pyright: ignore[reportPrivateUsage]
    ast.Subscript: Evaluator._subscript,  # pyright: ignore[reportPrivateUsage]
    ast.Attribute: Evaluator._channels,  # pyright: ignore[reportPrivateUsage]
    ast.ListComp: Evaluator._comprehension,  # pyright: ignore[reportPrivateUsage]
    ast.GeneratorExp: Evaluator._comprehension,  # pyright: ignore[reportPrivateUsage]
    ast.Call: Evaluator._call,  # pyright: ignore[reportPrivateUsage]
}
