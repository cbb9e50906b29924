"""Text of a spec or a model made safe and measurable for a terminal.

Either may hold anything: escape sequences, characters that turn the writing direction, characters two columns wide.
What is printed here shows each of them, never obeys it.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

TAB = 4
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # controls, format characters, surrogates, unassigned, line ends


@lru_cache(maxsize=4096)
def visible(char: str) -> str:
    """The character, or a picture of it where it has none or would act on the terminal."""
    code = ord(char)
    if 0x20 <= code < 0x7F:
        return char
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    return f"<U+{code:04X}>" if unicodedata.category(char) in _HIDDEN else char


@lru_cache(maxsize=4096)
def columns(char: str) -> int:
    """Columns of a terminal that the visible form of a character takes."""
    shown = visible(char)
    if len(shown) > 1:
        return len(shown)
    if unicodedata.category(shown) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(shown) in ("W", "F") else 1


def clean(text: str, limit: int = 2000) -> str:
    """One line of prose: line ends and tabs become blanks, all else visible, cut at ``limit`` characters."""
    flat = " ".join(text[: limit + 1].split()) if not text.isprintable() else text
    cut = flat[:limit] + "…" if len(flat) > limit else flat
    return "".join(map(visible, cut))


def clean_lines(text: str, limit: int = 40) -> list[str]:
    """Lines of prose with their indentation; at most ``limit`` of them."""
    lines = text[:20_000].replace("\r\n", "\n").split("\n")
    kept = ["".join(map(visible, line.expandtabs(TAB)[:2000])).rstrip() for line in lines[:limit]]
    return kept + ["…"] * (len(lines) > limit)


class Line:
    """A line of a source as printed: tabs expanded, hidden characters shown, cut to ``width`` columns around ``focus``.

    ``focus`` is a range of characters of the line (from 0) that is to stay in view, its start above all.
    """

    def __init__(self, text: str, focus: tuple[int, int], width: int) -> None:
        # A line can be as long as a file: only what could be in view is measured.
        first = max(0, min(focus[0], len(text)) - width)
        last = min(len(text), max(focus[0], min(focus[1], focus[0] + width)) + width)
        self._first, self._shown, self._stops = first, list[str](), [0]
        for char in text[first:last]:
            at = self._stops[-1]
            shown = " " * (TAB - at % TAB) if char == "\t" else visible(char)
            self._shown.append(shown)
            self._stops.append(at + (len(shown) if char == "\t" else columns(char)))
        self._low, self._high = self._window(focus, width)
        self._left = self._low > 0 or first > 0
        right = self._high < len(self._shown) or last < len(text)
        self.text = "…" * self._left + "".join(self._shown[self._low : self._high]) + "…" * right

    def _window(self, focus: tuple[int, int], width: int) -> tuple[int, int]:
        """The range of measured characters that is shown, two columns being left for the marks of a cut."""
        count, stops = len(self._shown), self._stops
        if not self._first and stops[-1] <= width:
            return 0, count
        begin = min(max(focus[0] - self._first, 0), count)
        end = min(max(focus[1] - self._first, begin), count)
        room = width - 2
        spare = max(room - (stops[end] - stops[begin]), room // 4)
        low = begin
        while low and stops[begin] - stops[low - 1] <= spare // 2:
            low -= 1
        high = low
        while high < count and stops[high + 1] - stops[low] <= room:
            high += 1
        while low and stops[high] - stops[low - 1] <= room:
            low -= 1
        return low, high

    def column(self, index: int) -> int:
        """The printed column (from 0) of a character of the line; of the nearest in view where it was cut off."""
        at = min(max(index - self._first, self._low), self._high)
        return self._stops[at] - self._stops[self._low] + self._left
