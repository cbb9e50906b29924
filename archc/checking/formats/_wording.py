"""What several formats say alike."""

from __future__ import annotations

from archc.checking.report import Snapshot
from archc.diagnostics.diagnostic import Diagnostic
from archc.display.text import clean, clean_lines


def full_message(d: Diagnostic) -> str:
    """The message, what is said at its place, the notes and the help, a line for each."""
    lines = [clean(d.message), *([clean(d.primary.text)] if d.primary.text else [])]
    lines += [line for note in d.notes for line in clean_lines(note)]
    if d.help:
        first, *rest = clean_lines(d.help)
        lines += [f"help: {first}", *rest]
    return "\n".join(lines)


def snapshot_message(snapshot: Snapshot) -> str:
    """What is wrong with a snapshot, how it differs, and what to do."""
    return "\n".join([snapshot.message, *snapshot.diff, f"help: {snapshot.help}"])
