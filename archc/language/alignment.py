"""Where the characters of a YAML scalar stand, when its text is not what the source says letter by letter."""

from __future__ import annotations


def align(text: str, raw: str) -> list[int] | None:
    """For each character of a scalar's text, and for its end, the place in the source of the whole scalar, ``raw``.

    Folding and block styles change blanks and line ends alone; of the escapes only those are followed that stand for
    the character after them. None where the two can't be brought together.
    """
    at = _begin(raw)
    places: list[int] = []
    for c in text:
        while not c.isspace() and raw[at : at + 1].isspace():
            at += 1
        places.append(at)
        if raw[at : at + 2] == "''" == 2 * c or (c in '"\\/' and raw[at : at + 2] == "\\" + c):
            at += 1
        if c == raw[at : at + 1] or (c.isspace() and raw[at : at + 1].isspace()):
            at += 1
        elif not c.isspace():
            return None
    places.append(at)
    return places if raw[at:].strip() in ("", raw[:1]) else None


def _begin(raw: str) -> int:
    """Past the opening quote, or the line of `|` or `>`."""
    if raw[:1] in ("|", ">"):
        return raw.find("\n") + 1
    return int(raw[:1] in ("'", '"'))
