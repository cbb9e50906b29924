"""`init`: how weights start. The initialisers are those of ``torch.nn.init``, with its names and defaults."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from archc.diagnostics import errors
from archc.graph.fans import FAN_NAMES, FanInit, Fans
from archc.graph.graph import Entry, Graph, InitRule
from archc.graph.initial import layer_fans, meant
from archc.language.expand import Expander
from archc.language.expression import Expression
from archc.language.formulas import Formulas, first_fan, over_fans
from archc.language.reporting import Poisoned
from archc.language.scope import Env
from archc.language.spec import InitEntry
from archc.language.syntax import Scalar
from archc.language.values import Function, describe
from archc.ops import OPS
from archc.ops.base import Init


def read_init(entries: list[InitEntry], graph: Graph, expander: Expander, env: Env) -> tuple[InitRule, ...]:
    """`init` as rules over the weights of ``graph``, in order; a later one wins."""
    reader = _Reader(expander, Env(env, dict(INITIALISERS)))
    rules: list[InitRule] = []
    for entry in entries:
        pattern = entry.key.text if "." in entry.key.text else None
        ops = tuple(n.strip() for n in entry.key.text.split(",")) if pattern is None else ()
        for weight, expression in entry.values:
            name = weight.text if weight is not None else "" if pattern is not None else "weight"
            _check_target(ops, name, entry.key, weight, expander)
            target = _Target(graph, ops, pattern, name)
            try:
                if over_fans(expression):
                    init = reader.over_fans(expression, target.entries())
                else:
                    init = reader.fixed(expression)
                    reader.check_axes(init, expression, target)
            except Poisoned:
                continue
            rules.append(InitRule(ops, pattern, name, init, entry.key.span))
    return tuple(rules)


@dataclass(frozen=True, slots=True)
class _Target:
    """What a rule is about."""

    graph: Graph
    ops: tuple[str, ...]
    pattern: str | None
    name: str  # of the weight

    def entries(self) -> list[Entry]:
        return [e for e in self.graph.state if meant(self.ops, self.pattern, self.name, e)]

    def vectors(self) -> list[Entry]:
        """Those with fewer than two axes; the graph is asked only where the ops don't say that there are none."""
        if self.pattern is None and all(fewest_axes(op, self.name) > 1 for op in self.ops):
            return []
        return [e for e in self.entries() if len(e.weight.shape) < 2]


class _Reader:
    """Reads what stands under the keys of `init`. Raises Poisoned after reporting."""

    def __init__(self, expander: Expander, env: Env) -> None:
        self.evaluator, self.env = expander.evaluator, env

    def fixed(self, expression: Expression, env: Env | None = None) -> Init:
        """An initialiser with numbers."""
        value = self.evaluator.value(expression, env or self.env, None)
        if isinstance(value, Function) and value.name in INITIALISERS:
            value = self.call(value, expression)  # `zeros` is `zeros()`
        if not isinstance(value, Init):
            self.evaluator.fail(errors.wrong_init(expression.span, describe(value), list(INITIALISERS)))
        if why := impossible(value):
            self.evaluator.fail(errors.impossible_init(expression.span, value.name, why))
        return value

    def check_axes(self, init: Init, expression: Expression, target: _Target) -> None:
        """Initialisers that take the fans of the very tensor, or its rows, are none of a vector's."""
        if init.name in OF_MATRICES and (vectors := target.vectors()):
            first = vectors[0]
            self.evaluator.fail(errors.too_few_axes(expression.span, init.name, first.key, first.weight.shape))

    def call(self, function: Function, expression: Expression, *args: Any, **kwargs: Any) -> Init:
        try:
            return function.call(*args, **kwargs)
        except TypeError:
            self.evaluator.fail(errors.wrong_function_call(expression.span, function.name, function.signature))

    def over_fans(self, expression: Expression, entries: list[Entry]) -> FanInit:
        """An initialiser whose arguments depend on the layer: what it is for each of these, and as formulas."""
        at: dict[Fans, Init] = {}
        for fans in self.fans(expression, entries):
            at[fans] = self.fixed(expression, Env(self.env, dict(zip(FAN_NAMES, fans, strict=True))))
        formulas = Formulas(expression, self.evaluator, self.env)
        node = formulas.conditional(expression.tree)
        function = formulas.function(node) if isinstance(node, ast.Call) else None
        if not isinstance(node, ast.Call) or function is None or function.name not in INITIALISERS:
            self.evaluator.fail(errors.fans_outside(expression.span))
        positional = [formulas.argument(a) for a in node.args]
        named = {str(k.arg): formulas.argument(k.value) for k in node.keywords}
        init = self.call(function, expression, *positional, **named)
        return FanInit(init.name, init.args, at)

    def fans(self, expression: Expression, entries: list[Entry]) -> list[Fans]:
        """Those of the layers, each once."""
        found: dict[Fans, None] = {}
        for entry in entries:
            try:
                found[layer_fans(entry)] = None
            except ValueError:
                span = expression.place(first_fan(expression))
                self.evaluator.fail(errors.no_fans(span, entry.key, entry.weight.shape))
        return list(found)


def _check_target(ops: tuple[str, ...], name: str, key: Scalar, weight: Scalar | None, expander: Expander) -> None:
    for op in ops:
        if op not in OPS:
            expander.collector.add(errors.unknown_init_op(key.span, op, list(OPS)))
        elif name not in (known := weights_of(op)):
            span = weight.span if weight is not None else key.span
            expander.collector.add(errors.unknown_init_weight(span, op, name, sorted(known)))


@cache
def weights_of(op: str) -> dict[str, int]:
    """The names of weights that an op may have, over all its examples, and the fewest axes that each has."""
    cls = OPS[op]
    found: dict[str, int] = {}
    for example in cls.examples:
        for name, weight in cls.of(*example.args, **example.kwargs).weights(*example.on).items():
            found[name] = min(len(weight.shape), found.get(name, len(weight.shape)))
    return found


def fewest_axes(op: str, weight: str) -> int:
    """Of a weight of an op; 0 where that is not known."""
    return weights_of(op).get(weight, 0) if op in OPS else 0


def _initialisers() -> dict[str, Function]:
    """Those of ``torch.nn.init``, with its names and defaults."""

    def make(name: str, **defaults: Any) -> Function:
        signature = f"{name}({', '.join(f'{k}={v!r}' if v is not None else k for k, v in defaults.items())})"

        def call(*args: Any, **kwargs: Any) -> Init:
            if len(args) > len(defaults):
                raise TypeError
            given = dict(zip(defaults, args, strict=False))
            if set(kwargs) - set(defaults) or set(kwargs) & set(given):
                raise TypeError
            values = {**defaults, **given, **kwargs}
            for key, value in values.items():
                if isinstance(defaults[key], str) != isinstance(value, str) or isinstance(value, bool | list | None):
                    raise TypeError
                if isinstance(value, str) and value not in CHOICES[key]:
                    raise TypeError
            return Init.of(name, **values)

        return Function(name, signature, call)

    fan = {"a": 0, "mode": "fan_in", "nonlinearity": "leaky_relu"}
    return {
        f.name: f
        for f in (
            make("zeros"), make("ones"), make("constant", val=None), make("uniform", a=0, b=1),
            make("normal", mean=0, std=1), make("trunc_normal", mean=0, std=1, a=-2, b=2),
            make("xavier_uniform", gain=1), make("xavier_normal", gain=1),
            make("kaiming_uniform", **fan), make("kaiming_normal", **fan), make("orthogonal", gain=1),
        )
    }  # fmt: skip


LARGEST = 2.0**128 - 2.0**104  # of float32
# What `torch.nn.init` demands of an initialiser's numbers, by its name: in words, and as a test of its arguments.
_Demand = tuple[str, Callable[[dict[str, float]], bool]]
_BOUNDS: _Demand = ("a must not be above b", lambda args: args["a"] <= args["b"])
_WIDTH: _Demand = ("b must be at most 3.4e38 above a", lambda args: args["b"] - args["a"] <= LARGEST)
_SPREAD: _Demand = ("std must not be negative", lambda args: args["std"] >= 0)
_POSITIVE: _Demand = ("std must be above 0", lambda args: args["std"] > 0)
_GAIN: _Demand = ("gain must not be negative", lambda args: args["gain"] >= 0)
_DEMANDS: dict[str, tuple[_Demand, ...]] = {
    "uniform": (_BOUNDS, _WIDTH),
    "normal": (_SPREAD,),
    "trunc_normal": (_POSITIVE, _BOUNDS),
    "xavier_uniform": (_GAIN,),
    "xavier_normal": (_GAIN,),
}


def impossible(init: Init) -> str:
    """What of an initialiser's numbers ``torch.nn.init`` would refuse, in words; nothing if it takes them."""
    args = {name: float(value) for name, value in init.args if not isinstance(value, str)}
    beyond = [f"{name} = {value:g}" for name, value in args.items() if abs(value) > LARGEST]
    if beyond:
        return f"{beyond[0]} is beyond float32"
    missed = next((what for what, holds in _DEMANDS.get(init.name, ()) if not holds(args)), "")
    given = ", ".join(f"{k} = {v:g}" for k, v in args.items() if re.search(rf"\b{k}\b", missed))
    return missed and f"{missed}, and {given}"


CHOICES = {
    "mode": ("fan_in", "fan_out"),
    "nonlinearity": (
        "leaky_relu", "relu", "linear", "sigmoid", "tanh", "selu", "conv1d", "conv2d", "conv3d",
        "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    ),
}  # fmt: skip
INITIALISERS = _initialisers()
OF_MATRICES = frozenset(n for n in INITIALISERS if n.startswith(("xavier", "kaiming", "orthogonal")))
