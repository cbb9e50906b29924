"""Calls of initialisers, and the fan-in and fan-out that they are over, as a person writes them."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping

from archc.backends._source.expression import literal
from archc.graph.fans import FAN_NAMES, FanInit, Formula
from archc.ops.base import Init

Start = Init | FanInit

_FAN: dict[str, float | str] = {"a": 0, "mode": "fan_in", "nonlinearity": "leaky_relu"}
_DEFAULTS: dict[str, dict[str, float | str]] = {  # of torch.nn.init
    "uniform": {"a": 0, "b": 1},
    "normal": {"mean": 0, "std": 1},
    "trunc_normal": {"mean": 0, "std": 1, "a": -2, "b": 2},
    "xavier_uniform": {"gain": 1},
    "xavier_normal": {"gain": 1},
    "kaiming_uniform": _FAN,
    "kaiming_normal": _FAN,
    "orthogonal": {"gain": 1},
}
_FANS_OF_LINEAR = {"fan_in": "module.in_features", "fan_out": "module.out_features"}
# What a formatter writes without blanks, a power of names and numbers; and a bracket that is not needed.
_EXPONENT = re.compile(r"\*\* \((-\d[\w.]*)\)")
_POWER = re.compile(r"(?<![\w.)\]])([\w.]+) \*\* (-?\d[\w.]*|[A-Za-z_][\w.]*)(?![\w.(\[])")


def fan_lines(init: Start, weight: str, *, linear: bool = False) -> list[str]:
    """Statements that name the fans of a layer, whose weight is the text ``weight``; a linear layer has them."""
    sizes = {"fan_in": f"{weight}[0].numel()", "fan_out": f"{weight}[:, 0].numel()"}
    formulas = [v.text for _, v in init.args if isinstance(v, Formula)]
    used = [n for n in FAN_NAMES if any(re.search(rf"\b{n}\b", text) for text in formulas)]
    return [] if linear else [f"{name} = {sizes[name]}" for name in used]


def call_lines(init: Start, target: str, *, linear: bool = False) -> list[str]:
    """The call that fills the tensor ``target``; before it, the bound of a uniform distribution around 0."""
    names = _FANS_OF_LINEAR if linear else {}
    args = {k: _Python(names).text(v) if isinstance(v, Formula) else literal(v) for k, v in _given(init)}
    first: list[str] = []
    if init.name == "uniform" and _opposite(init):
        first = [f"bound = {args['b']}"]
        args = {"a": "-bound", "b": "bound"}
    text = "".join(f", {name}={value}" for name, value in args.items())
    return [*first, f"nn.init.{init.name}_({target}{text})"]


def _given(init: Start) -> list[tuple[str, float | str | Formula]]:
    usual = _DEFAULTS.get(init.name, {})
    return [(name, value) for name, value in init.args if usual.get(name) != value]


def _opposite(init: Start) -> bool:
    """Whether the lower bound is the upper one's negative, as it is written."""
    a, b = dict(init.args)["a"], dict(init.args)["b"]
    return isinstance(a, Formula) and isinstance(b, Formula) and _negates(_parsed(a.text), _parsed(b.text))


def _negates(a: ast.expr, b: ast.expr) -> bool:
    if isinstance(a, ast.UnaryOp) and isinstance(a.op, ast.USub):
        return ast.dump(a.operand) == ast.dump(b)
    if not (isinstance(a, ast.BinOp) and isinstance(b, ast.BinOp) and isinstance(a.op, ast.Mult | ast.Div)):
        return False
    return ast.dump(a.op) == ast.dump(b.op) and ast.dump(a.right) == ast.dump(b.right) and _negates(a.left, b.left)


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


class _Python(ast.NodeTransformer):
    """A formula as Python: other names for the fans, and functions of `math`."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def text(self, formula: Formula) -> str:
        text = ast.unparse(self.visit(_parsed(formula.text)))
        return _POWER.sub(r"\1**\2", _EXPONENT.sub(r"** \1", text))

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.names:
            return _parsed(self.names[node.id])
        return _parsed(f"math.{node.id}") if hasattr(math, node.id) else node
