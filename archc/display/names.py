"""Lists of names in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

SOME = 4  # names in a line


def listed(names: Sequence[str], limit: int = 12) -> str:
    """`a`, `b` and `c`."""
    shown = [f"`{n}`" for n in names[:limit]]
    if len(names) > limit:
        return ", ".join(shown) + f" and {len(names) - limit} more"
    return ", ".join(shown[:-1]) + " and " + shown[-1] if len(shown) > 1 else "".join(shown)


def some(names: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = f" and {len(names) - SOME} more" if len(names) > SOME else ""
    return ", ".join(names[:SOME]) + more
