"""Messages of protocol buffers in their text format.

https://protobuf.dev/reference/protobuf/textformat-spec/
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

INDENT = "  "
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Word(NamedTuple):
    """A name that stands without quotes: a value of an enum, ``true``."""

    text: str


class Message(NamedTuple):
    """Fields in the order in which they are written."""

    fields: tuple[Field, ...]


Scalar = str | int | Word
Value = Scalar | Sequence[int] | Message


class Field(NamedTuple):
    """A field of a message. Numbers in a row are written ``[1, 2]``; a field that repeats stands several times."""

    name: str
    value: Value


def message(*fields: tuple[str, Value]) -> Message:
    """A message of these fields."""
    return Message(tuple(Field(*field) for field in fields))


def text(top: Message) -> str:
    """The message in its text format, a field a line."""
    return "\n".join(_lines(top, "")) + "\n"


def quoted(value: str) -> str:
    """A string literal; other control characters are written as octal bytes."""
    return f'"{"".join(map(_escaped, value))}"'


def _escaped(char: str) -> str:
    return _ESCAPES.get(char) or (f"\\{ord(char):03o}" if char < " " or char == "\x7f" else char)


def _lines(top: Message, indent: str) -> Iterator[str]:
    for name, value in top.fields:
        if not isinstance(value, Message):
            yield f"{indent}{name}: {_scalar(value)}"
        elif not value.fields:
            yield f"{indent}{name} {{ }}"
        else:
            yield f"{indent}{name} {{"
            yield from _lines(value, indent + INDENT)
            yield f"{indent}}}"


def _scalar(value: Scalar | Sequence[int]) -> str:
    if isinstance(value, Word):
        return value.text
    if isinstance(value, str):
        return quoted(value)
    return str(value) if isinstance(value, int) else f"[{', '.join(map(str, value))}]"
