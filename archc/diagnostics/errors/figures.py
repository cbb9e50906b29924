"""What a network turns out to be, against what its spec expects of it."""

from __future__ import annotations

from archc.diagnostics.diagnostic import Diagnostic, Label
from archc.diagnostics.span import Span

__all__ = ["unmet_constraint", "unmet_figure"]


def unmet_figure(span: Span, variant: str, what: str, found: str, expected: str) -> Diagnostic:
    return Diagnostic(
        "unmet-expectation", f"{variant}: {what} is {found}, expected {expected}", Label(span, f"it is {found}")
    )


def unmet_constraint(span: Span, variant: str, text: str, values: str) -> Diagnostic:
    return Diagnostic("unmet-expectation", f"{variant}: not true: {text}", Label(span, values))
