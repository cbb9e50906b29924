"""Wording of the mistakes in `expect`."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from archc.diagnostics.diagnostic import Diagnostic, Label
from archc.diagnostics.span import Span


def unknown_figure(span: Span, name: str, known: Iterable[str]) -> Diagnostic:
    figures = list(known)
    near = get_close_matches(name, figures, n=1)
    return Diagnostic(
        "unknown-figure",
        f"`expect` knows no figure `{name}`",
        Label(span, f"did you mean `{near[0]}`?" if near else ""),
        notes=(f"figures are {', '.join(figures)}",),
    )


def unknown_path(span: Span, path: str, known: Iterable[str]) -> Diagnostic:
    near = get_close_matches(path, list(known), n=1)
    return Diagnostic(
        "unknown-path",
        f"the network has no child `{path}`",
        Label(span, f"did you mean `{near[0]}`?" if near else ""),
    )


def bad_figure(span: Span, name: str, wanted: str) -> Diagnostic:
    return Diagnostic("wrong-figure", f"`{name}` must be {wanted}", Label(span))


def unknown_output(span: Span, name: str, known: Iterable[str]) -> Diagnostic:
    outputs = list(known)
    near = get_close_matches(name, outputs, n=1)
    return Diagnostic(
        "unknown-output",
        f"the network has no output `{name}`",
        Label(span, f"did you mean `{near[0]}`?" if near else ""),
        notes=(f"outputs are {', '.join(outputs)}",),
    )
