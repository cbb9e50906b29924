"""Expressions over ``fan_in`` and ``fan_out``, with the names of the file put in: text that a graph can keep."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

from archc.diagnostics import errors
from archc.graph.fans import FAN_NAMES, Formula
from archc.language.evaluate import Evaluator
from archc.language.expression import Expression
from archc.language.scope import POISON, Env
from archc.language.values import Function, is_list, value_text

# Functions that are the same in Python, by these names or as those of its `math`.
_FUNCTIONS = ("abs", "ceil", "float", "floor", "int", "log", "log2", "max", "min", "round", "sqrt")


def over_fans(expression: Expression) -> bool:
    """Whether the value depends on the layer."""
    return "fan_" in expression.text and _depends(expression.tree)


def first_fan(expression: Expression) -> ast.AST:
    """Where the first of the two names stands."""
    return next(_fans_in(expression.tree))


def _fans_in(tree: ast.AST) -> Iterator[ast.Name]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in FAN_NAMES)


def _depends(tree: ast.AST) -> bool:
    return any(_fans_in(tree))


class Formulas:
    """Makes formulas of the parts of one expression.

    Names become what they stand for in ``env``, and what does not depend on the layer and is no arithmetic is computed.
    The rest stays as it is written, so that it can be read. All raise Poisoned after reporting.
    """

    def __init__(self, expression: Expression, evaluator: Evaluator, env: Env) -> None:
        self.expression, self.evaluator, self.env = expression, evaluator, env

    def argument(self, node: ast.expr) -> Any:
        """An argument of an initialiser: a formula, or a value where it is the same for all layers."""
        return Formula(ast.unparse(self.rewrite(node))) if _depends(node) else self.value(node)

    def value(self, node: ast.expr) -> Any:
        """The value of a part that is over no fans."""
        whole = self.expression
        return self.evaluator.value(Expression(node, whole.text, whole.scalar, whole.offset), self.env, None)

    def rewrite(self, node: ast.expr) -> ast.expr:
        """The node without the names of the file."""
        rewrite = _REWRITE.get(type(node))
        if rewrite is not None:
            return rewrite(self, node)
        if _depends(node):
            self.evaluator.fail(errors.no_formula(self.expression.place(node)))
        return self._literal(node)

    def _literal(self, node: ast.expr) -> ast.expr:
        value = self.value(node)
        if not _is_plain(value):
            self.evaluator.fail(errors.no_formula(self.expression.place(node)))
        return ast.parse(value_text(value), mode="eval").body

    def _same(self, node: ast.expr) -> ast.expr:
        return node

    def _name(self, node: ast.Name) -> ast.expr:
        return node if node.id in FAN_NAMES else self._literal(node)

    def _list(self, node: ast.List | ast.Tuple) -> ast.expr:
        return ast.List([self.rewrite(item) for item in node.elts], ast.Load())

    def _unary(self, node: ast.UnaryOp) -> ast.expr:
        return ast.UnaryOp(node.op, self.rewrite(node.operand))

    def _binary(self, node: ast.BinOp) -> ast.expr:
        return ast.BinOp(self.rewrite(node.left), node.op, self.rewrite(node.right))

    def _and_or(self, node: ast.BoolOp) -> ast.expr:
        return ast.BoolOp(node.op, [self.rewrite(part) for part in node.values])

    def _compare(self, node: ast.Compare) -> ast.expr:
        return ast.Compare(self.rewrite(node.left), node.ops, [self.rewrite(part) for part in node.comparators])

    def conditional(self, node: ast.expr) -> ast.expr:
        """What stands there once conditions that are the same for all layers are decided."""
        while isinstance(node, ast.IfExp) and not _depends(node.test):
            node = node.body if self.value(node.test) else node.orelse
        return node

    def _conditional(self, node: ast.IfExp) -> ast.expr:
        chosen = self.conditional(node)
        if not isinstance(chosen, ast.IfExp):
            return self.rewrite(chosen)
        return ast.IfExp(*(self.rewrite(part) for part in (chosen.test, chosen.body, chosen.orelse)))

    def _call(self, node: ast.Call) -> ast.expr:
        function = self.function(node)
        if function is None or function.name not in _FUNCTIONS:
            if _depends(node):
                self.evaluator.fail(errors.no_formula(self.expression.place(node)))
            return self._literal(node)
        arguments = [*node.args, *(k.value for k in node.keywords)]  # Python's `log` takes its base by position
        return ast.Call(ast.Name(function.name, ast.Load()), [self.rewrite(a) for a in arguments], [])

    def function(self, node: ast.Call) -> Function | None:
        """The function that is called, if one is."""
        value: Any = self.env.find(node.func.id)[1] if isinstance(node.func, ast.Name) else POISON
        return value if isinstance(value, Function) else None


def _is_plain(value: Any) -> bool:
    return all(map(_is_plain, value)) if is_list(value) else isinstance(value, int | float | str | None)


_REWRITE: dict[type[ast.expr], Callable[..., ast.expr]] = {
    ast.Constant: Formulas._same,  # pyright: ignore[reportPrivateUsage]
    ast.Name: Formulas._name,  # pyright: ignore[reportPrivateUsage]
    ast.List: Formulas._list,  # pyright: ignore[reportPrivateUsage]
    ast.Tuple: Formulas._list,  # pyright: ignore[reportPrivateUsage]
    ast.UnaryOp: Formulas._unary,  # pyright: ignore[reportPrivateUsage]
    ast.BinOp: Formulas._binary,  # pyright: ignore[reportPrivateUsage]
    ast.BoolOp: Formulas._and_or,  # pyright: ignore[reportPrivateUsage]
    ast.Compare: Formulas._compare,  # pyright: ignore[reportPrivateUsage]
    ast.IfExp: Formulas._conditional,  # pyright: ignore[reportPrivateUsage]
    ast.Call: Formulas._call,  # pyright: ignore[reportPrivateUsage]
}
