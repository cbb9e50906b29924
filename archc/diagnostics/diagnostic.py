"""What is said to the user about a spec: data here, wording in ``errors``, layout in ``render``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from archc.diagnostics.span import Span


@dataclass(frozen=True, slots=True)
class Label:
    """A place and what is to be said of it."""

    span: Span
    text: str = ""


@dataclass(frozen=True)
class Diagnostic:
    """A mistake or a warning.

    ``primary`` is where it is; ``secondary`` are other places that explain it, in the same file or another;
    ``notes`` and ``help`` are lines below the excerpt.
    """

    code: str
    message: str
    primary: Label
    secondary: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: str | None = None
    severity: Literal["error", "warning"] = "error"

    @property
    def span(self) -> Span:
        return self.primary.span

    def __str__(self) -> str:
        return f"{self.span}: {self.severity}[{self.code}]: {self.message}"


class CompileError(Exception):
    """A spec has mistakes. ``diagnostics`` holds all of them, warnings too, in order of place."""

    def __init__(self, diagnostics: list[Diagnostic]) -> None:
        super().__init__(diagnostics)
        self.diagnostics = diagnostics

    def __str__(self) -> str:
        from archc.diagnostics.render import render

        return "\n" + render(self.diagnostics)


class RequestError(ValueError):
    """What the caller asked for can't be had: no such spec, variant, parameter or input. ``hint`` says what to do."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message if hint is None else f"{message}; {hint}")
        self.message, self.hint = message, hint
