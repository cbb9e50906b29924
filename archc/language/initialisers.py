"""`init`: how weights start. The initialisers are those of ``torch.nn.init``, with its names and defaults."""

from __future__ import annotations

from functools import cache
from typing import Any

from archc.diagnostics import errors
from archc.graph.graph import InitRule
from archc.language.expand import Expander
from archc.language.expression import Expression
from archc.language.reporting import Poisoned
from archc.language.scope import Env
from archc.language.spec import InitEntry
from archc.language.syntax import Scalar
from archc.language.values import Function, describe
from archc.ops import OPS
from archc.ops.base import Init


def read_init(entries: list[InitEntry], expander: Expander, env: Env) -> tuple[InitRule, ...]:
    """`init` as rules, in order; a later one wins."""
    inner = Env(env, dict(INITIALISERS))
    rules: list[InitRule] = []
    for entry in entries:
        pattern = entry.key.text if "." in entry.key.text else None
        ops = tuple(n.strip() for n in entry.key.text.split(",")) if pattern is None else ()
        for weight, expression in entry.values:
            name = weight.text if weight is not None else "" if pattern is not None else "weight"
            _check_target(ops, name, entry.key, weight, expander)
            try:
                value = expander.evaluator.value(expression, inner, None)
                value = _called(value, expression, expander)
                if not isinstance(value, Init):
                    expander.evaluator.fail(errors.wrong_init(expression.span, describe(value), list(INITIALISERS)))
            except Poisoned:
                continue
            rules.append(InitRule(ops, pattern, name, value, entry.key.span))
    return tuple(rules)


def _called(value: Any, expression: Expression, expander: Expander) -> Any:
    """`zeros` is `zeros()`."""
    if not isinstance(value, Function) or value.name not in INITIALISERS:
        return value
    try:
        return value.call()
    except TypeError:
        expander.evaluator.fail(errors.wrong_function_call(expression.span, value.name, value.signature))


def _check_target(ops: tuple[str, ...], name: str, key: Scalar, weight: Scalar | None, expander: Expander) -> None:
    for op in ops:
        if op not in OPS:
            expander.collector.add(errors.unknown_init_op(key.span, op, list(OPS)))
        elif name not in (known := weights_of(op)):
            span = weight.span if weight is not None else key.span
            expander.collector.add(errors.unknown_init_weight(span, op, name, sorted(known)))


@cache
def weights_of(op: str) -> frozenset[str]:
    """The names of weights that an op may have, over all its examples."""
    cls = OPS[op]
    return frozenset(n for e in cls.examples for n in cls.of(*e.args, **e.kwargs).weights(*e.on))


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


CHOICES = {
    "mode": ("fan_in", "fan_out"),
    "nonlinearity": (
        "leaky_relu", "relu", "linear", "sigmoid", "tanh", "selu", "conv1d", "conv2d", "conv3d",
        "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    ),
}  # fmt: skip
INITIALISERS = _initialisers()
