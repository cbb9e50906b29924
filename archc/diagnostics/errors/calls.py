"""Calls of ops, blocks and functions, and headers of blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archc.diagnostics.diagnostic import Diagnostic, Label
from archc.diagnostics.errors.suggest import did_you_mean
from archc.diagnostics.span import Span
from archc.display.numbers import count

__all__ = [
    "already_called", "bad_header", "doubled_argument", "doubled_input", "doubled_parameter", "duplicate_block",
    "function_as_value", "missing_argument", "not_a_layer", "not_callable", "too_many_arguments",
    "unknown_argument", "wrong_argument", "wrong_function_argument", "wrong_function_call",
]  # fmt: skip


def unknown_argument(span: Span, callee: str, name: str, known: Sequence[str], signature: str) -> Diagnostic:
    return Diagnostic(
        "unknown-argument",
        f"`{callee}` has no argument `{name}`",
        Label(span, did_you_mean(name, known)),
        notes=(signature,),
    )


def missing_argument(span: Span, callee: str, name: str, signature: str, declared: Span | None = None) -> Diagnostic:
    secondary = (Label(declared, "declared here"),) if declared is not None else ()
    return Diagnostic("missing-argument", f"`{callee}` needs `{name}`", Label(span), secondary, (signature,))


def doubled_argument(span: Span, callee: str, name: str, first: Span) -> Diagnostic:
    return Diagnostic(
        "doubled-argument", f"`{callee}` got `{name}` twice", Label(span, "again here"), (Label(first, "first here"),)
    )


def too_many_arguments(span: Span, callee: str, limit: int, given: int, signature: str) -> Diagnostic:
    return Diagnostic(
        "too-many-arguments",
        f"`{callee}` takes {count(limit, 'argument') if limit else 'no arguments'}, not {given}",
        Label(span),
        notes=(signature,),
    )


def wrong_argument(span: Span, message: str, found: str, value: Any) -> Diagnostic:
    from archc.language.values import describe

    label = found if found and not found.startswith("this is <") else f"this is {describe(value)}"
    if not found or found == f"this is {value!r}":
        label = f"this is {describe(value)}"
    return Diagnostic("wrong-argument", message, Label(span, label))


def function_as_value(span: Span, name: str) -> Diagnostic:
    return Diagnostic("wrong-argument", f"the function `{name}` can only be called, not handed on", Label(span))


def wrong_function_argument(span: Span, name: str, needs: str, signature: str) -> Diagnostic:
    return Diagnostic("wrong-argument", f"`{name}` takes {needs}", Label(span), notes=(signature,))


def wrong_function_call(span: Span, name: str, signature: str) -> Diagnostic:
    return Diagnostic("wrong-argument", f"`{name}` is not called like that", Label(span), notes=(signature,))


def not_callable(span: Span, name: str, what: str) -> Diagnostic:
    return Diagnostic(
        "not-a-layer",
        f"`{name}` is {what} here, which can't be called",
        Label(span),
        help="a parameter or `let` of that name hides the op, block or function" if name != "this" else None,
    )


def already_called(span: Span, name: str) -> Diagnostic:
    return Diagnostic(
        "not-a-layer",
        f"`{name}` already has its arguments",
        Label(span),
        help="hand on the name alone to give it arguments later",
    )


def not_a_layer(span: Span, what: str, name: str, value: Any, ops: Sequence[str]) -> Diagnostic:
    meant = did_you_mean(value, ops) if isinstance(value, str) else ""
    advice = f"a parameter, `let` or loop variable named `{name}` hides the op" if name in ops else None
    return Diagnostic("not-a-layer", f"a layer is an op or a block; this is {what}", Label(span, meant), help=advice)


def bad_header(span: Span, why: str) -> Diagnostic:
    return Diagnostic(
        "bad-header",
        "this is no header of a block",
        Label(span, why),
        help="a block is declared as `name`, `name(a, b=1)` or `name(a) <- x, skip`",
    )


def doubled_parameter(span: Span, name: str, first: Span) -> Diagnostic:
    return Diagnostic(
        "doubled-name", f"the parameter `{name}` stands twice", Label(span, "again here"), (Label(first, "first here"),)
    )


def doubled_input(span: Span) -> Diagnostic:
    return Diagnostic("doubled-name", "two inputs of a block have one name", Label(span))


def duplicate_block(span: Span, name: str, first: Span) -> Diagnostic:
    return Diagnostic(
        "doubled-name", f"there are two blocks `{name}`", Label(span, "again here"), (Label(first, "first here"),)
    )
