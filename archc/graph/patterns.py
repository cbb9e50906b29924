"""Patterns over keys of weights, in `init` and in rules for files: `*` is any text."""

from __future__ import annotations


def matches(pattern: str, key: str) -> bool:
    """Whether a pattern fits a whole key."""
    return stars(pattern, key) is not None


def stars(pattern: str, key: str) -> tuple[str, ...] | None:
    """What each `*` of a pattern stands for in a key, the shortest from the left; None where it does not fit.

    Linear in the key, however many stars.
    """
    head, *rest = pattern.split("*")
    if not rest:
        return () if pattern == key else None
    if not key.startswith(head) or not key[len(head) :].endswith(rest[-1]):
        return None
    at, found = len(head), list[str]()
    for part in rest[:-1]:
        place = key.find(part, at)
        if place < 0:
            return None
        found.append(key[at:place])
        at = place + len(part)
    end = len(key) - len(rest[-1])
    return (*found, key[at:end]) if at <= end else None
