"""What a network turns out to be, against what its spec expects of it."""

from __future__ import annotations

from collections.abc import Sequence

from archc.diagnostics.diagnostic import Diagnostic, Label
from archc.diagnostics.span import Span

__all__ = ["bad_gradient", "onnx_differs", "unmet_constraint", "unmet_figure"]


def unmet_figure(span: Span, variant: str, what: str, found: str, expected: str) -> Diagnostic:
    return Diagnostic(
        "unmet-expectation", f"{variant}: {what} is {found}, expected {expected}", Label(span, f"it is {found}")
    )


def unmet_constraint(span: Span, variant: str, text: str, values: str) -> Diagnostic:
    return Diagnostic("unmet-expectation", f"{variant}: not true: {text}", Label(span, values))


def bad_gradient(span: Span, key: str, what: str, why: str, note: str | None) -> Diagnostic:
    notes = () if note is None else (note,)
    return Diagnostic("bad-gradient", f"`{key}` {what}", Label(span, why), notes=notes)


def onnx_differs(span: Span, variant: str, lines: Sequence[str]) -> Diagnostic:
    return Diagnostic("onnx-differs", f"{variant}: module and ONNX differ", Label(span), notes=tuple(lines))
