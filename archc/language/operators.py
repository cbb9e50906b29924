"""The operators of expressions, which are Python's, and what they take. Rule 41 of the language."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

BINARY: dict[type[ast.operator], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", lambda a, b: a + b),
    ast.Sub: ("-", lambda a, b: a - b),
    ast.Mult: ("*", lambda a, b: a * b),
    ast.Div: ("/", lambda a, b: a / b),
    ast.FloorDiv: ("//", lambda a, b: a // b),
    ast.Mod: ("%", lambda a, b: a % b),
    ast.Pow: ("**", lambda a, b: a**b),
}
ORDER: dict[type[ast.cmpop], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Lt: ("<", operator.lt), ast.LtE: ("<=", operator.le), ast.Gt: (">", operator.gt), ast.GtE: (">=", operator.ge),
}  # fmt: skip


def fit(symbol: str, left: Any, right: Any) -> bool:
    """Whether an operator takes these."""
    if isinstance(left, int | float) and isinstance(right, int | float):
        return True
    if symbol == "+":
        return (isinstance(left, list) and isinstance(right, list)) or (
            isinstance(left, str) and isinstance(right, str)
        )
    if symbol == "*":
        return any(
            isinstance(a, list | str) and isinstance(b, int) and not isinstance(b, bool)
            for a, b in ((left, right), (right, left))
        )
    return False
