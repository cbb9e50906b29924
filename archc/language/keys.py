"""Keys of children: `name <- a, b`, with `${…}` in them. Rules 11, 13, 20 and 21 of the language."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from archc.language.expression import Expression
from archc.language.syntax import Scalar

NAME = re.compile(r"[A-Za-z0-9_-]+")
_REFERENCE = re.compile(r"(\[\])|([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)(\.\*|\[.*\])?", re.DOTALL)


@dataclass(eq=False, slots=True)
class Key:
    """A child's key: literal text between expressions in `${…}`."""

    scalar: Scalar
    parts: list[str | Expression]
    broken: bool = False  # already reported

    @property
    def fixed(self) -> bool:
        return len(self.parts) == 1 and isinstance(self.parts[0], str)


@dataclass(frozen=True, slots=True)
class Reference:
    """One thing after `<-`: `name`, `a.0.b`, `a[e]`, `a.*`, `[]`. Offsets are into the text that was read."""

    path: tuple[str, ...]
    index: str | None
    all: bool
    start: int
    end: int
    index_start: int = 0


@dataclass(frozen=True, slots=True)
class BadReference:
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class KeyText:
    """A key as read: the child's name, and what stands after `<-`, if that is there."""

    name: str
    references: tuple[Reference | BadReference, ...] | None


@lru_cache(maxsize=4096)
def read_key(text: str) -> KeyText:
    """`name <- a, b` taken apart."""
    name, arrow, rest = text.partition("<-")
    if not arrow:
        return KeyText(name.strip(), None)
    return KeyText(name.strip(), tuple(read_references(rest, len(name) + 2)))


def read_references(text: str, offset: int = 0) -> list[Reference | BadReference]:
    """What stands after `<-`, split at the commas that are in no brackets."""
    found: list[Reference | BadReference] = []
    depth = start = 0
    for i, c in enumerate(text + ","):
        if c in "[(":
            depth += 1
        elif c in "])":
            depth -= 1
        elif c == "," and depth <= 0:
            found.append(_reference(text[start:i], offset + start))
            start = i + 1
    return found


def _reference(raw: str, offset: int) -> Reference | BadReference:
    text = raw.strip()
    start = offset + len(raw) - len(raw.lstrip())
    match = _REFERENCE.fullmatch(text)
    if match is None:
        return BadReference(text, start, start + max(1, len(text)))
    empty, path, after = match.groups()
    if empty:
        return Reference((), None, False, start, start + len(text))
    index = after[1:-1] if after and after != ".*" else None
    at = start + len(path) + 1
    return Reference(tuple(path.split(".")), index, after == ".*", start, start + len(text), at)
