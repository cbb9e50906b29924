"""Arguments to parameters, as Python binds them; all mistakes of a call at once. Rule 36 of the language."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from archc.diagnostics import errors
from archc.diagnostics.diagnostic import Diagnostic
from archc.diagnostics.span import Span
from archc.language.scope import POISON
from archc.language.values import Block, Call, Function
from archc.ops.base import ArgumentError, Op, check

Placed = tuple[str | None, Any, Span]  # keyword, value, place of the value


def _bind(
    names: Sequence[str], placed: list[Placed], keywords: list[Span], callee: str, signature: object
) -> tuple[dict[str, Any], dict[str, Span], list[Diagnostic]]:
    """Name → value and name → place, with what is unknown, doubled or too many."""
    values: dict[str, Any] = {}
    spans: dict[str, Span] = {}
    problems: list[Diagnostic] = []
    positional = [p for p in placed if p[0] is None]
    if len(positional) > len(names):
        span = positional[len(names)][2].to(positional[-1][2])
        problems.append(errors.too_many_arguments(span, callee, len(names), len(positional), str(signature)))
    for name, (_, value, span) in zip(names, positional, strict=False):
        values[name], spans[name] = value, span
    for (name, value, span), key in zip(placed[len(positional) :], keywords, strict=True):
        assert name is not None
        if name not in names:
            problems.append(errors.unknown_argument(key, callee, name, names, str(signature)))
        elif name in values:
            problems.append(errors.doubled_argument(key, callee, name, spans[name]))
        else:
            values[name], spans[name] = value, span
    return values, spans, problems


def bind_op(
    target: type[Op], placed: list[Placed], keywords: list[Span], span: Span
) -> tuple[Call | None, list[Diagnostic]]:
    """A call of an op, each argument of the kind that it declares."""
    signature = target.signature()
    names = [a.name for a in signature.arguments]
    values, spans, problems = _bind(names, placed, keywords, target.name, signature)
    kept: dict[str, Any] = {}
    for argument in signature.arguments:
        if argument.name in values:
            value = values[argument.name]
            if value is POISON:
                continue
            try:
                kept[argument.name] = check(target, argument, value)
            except ArgumentError as e:
                problems.append(errors.wrong_argument(spans[argument.name], e.message, e.found, value))
        elif argument.required:
            if not any(d.code == "unknown-argument" for d in problems):
                problems.append(errors.missing_argument(span, target.name, argument.name, str(signature)))
        else:
            kept[argument.name] = argument.default
    return (None, problems) if problems else (Call(target, kept, span, spans), [])


def bind_block(
    target: Block, placed: list[Placed], keywords: list[Span], span: Span
) -> tuple[Call | None, list[Diagnostic]]:
    """A call of a block; its defaults are computed when it is built, since they may ask its inputs' channels."""
    names = [p.name for p in target.parameters]
    values, spans, problems = _bind(names, placed, keywords, target.name, target)
    for name, value in values.items():
        if isinstance(value, Function):
            problems.append(errors.function_as_value(spans[name], value.name))
    missing = [p for p in target.parameters if p.default is None and p.name not in values]
    if missing and not any(d.code == "unknown-argument" for d in problems):
        problems.append(errors.missing_argument(span, target.name, missing[0].name, str(target), target.span))
    return (None, problems) if problems else (Call(target, values, span, spans), [])


def call_without_arguments(target: type[Op] | Block, span: Span) -> tuple[Call | None, list[Diagnostic]]:
    """`relu` is `relu()`."""
    if isinstance(target, Block):
        return bind_block(target, [], [], span)
    defaults = _defaults(target)
    return bind_op(target, [], [], span) if defaults is None else (Call(target, defaults, span), [])


@cache
def _defaults(target: type[Op]) -> dict[str, Any] | None:
    """The arguments of an op that needs none; None if it needs some."""
    arguments = target.signature().arguments
    return None if any(a.required for a in arguments) else {a.name: a.default for a in arguments}
