"""What the formats for programs say alike."""

from __future__ import annotations

from archc.diagnostics.diagnostic import Diagnostic
from archc.diagnostics.text import clean, clean_lines
from archc.language.expect import Expectation

UNMET = "unmet-expectation"


def unmet_message(variant: str, expectation: Expectation) -> str:
    """``small: params is 1,102, expected < 1k``"""
    e = expectation
    return clean(f"{variant}: {e.what} is {e.found}, expected {e.expected}")


def diagnostic_message(diagnostic: Diagnostic) -> str:
    """The message, what is said at its place, the notes and the help, a line for each."""
    d = diagnostic
    lines = [clean(d.message), *([clean(d.primary.text)] if d.primary.text else [])]
    lines += [line for note in d.notes for line in clean_lines(note)]
    if d.help:
        first, *rest = clean_lines(d.help)
        lines += [f"help: {first}", *rest]
    return "\n".join(lines)
