"""What a shared library of Linux asks the loader for, read from the file itself.

The layout is that of the System V ABI's ELF-64, little-endian: a table of segments, one of them the dynamic section.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

_SEGMENT = struct.Struct(
    "<IIQQQQQQ"
)  # type, flags, offset, address, physical address, size in the file, size, alignment
_LOAD, _DYNAMIC = 1, 2
_ENTRY = struct.Struct("<qQ")
_END, _NEEDED, _STRINGS = 0, 1, 5  # tags of dynamic entries
_LONGEST = 4096  # bytes of a name


def needed(path: Path) -> list[str]:
    """The libraries that it is linked with (DT_NEEDED), in order. Raises ValueError where it is no such file."""
    with path.open("rb") as file:
        try:
            return _needed(file)
        except (struct.error, StopIteration, UnicodeDecodeError) as e:
            raise ValueError(f"{path} is cut short or broken") from e


def _needed(file: BinaryIO) -> list[str]:
    header = file.read(64)
    if header[:6] != b"\x7fELF\x02\x01":
        raise ValueError(f"{file.name} is no 64-bit ELF file")
    start, size, number = *struct.unpack_from("<Q", header, 32), *struct.unpack_from("<HH", header, 54)
    segments = [_SEGMENT.unpack(_at(file, start + i * size, _SEGMENT.size)) for i in range(number)]
    dynamic = next(((s[2], s[5]) for s in segments if s[0] == _DYNAMIC), None)
    if dynamic is None:
        return []
    entries = _entries(_at(file, *dynamic))
    strings = next(value for tag, value in entries if tag == _STRINGS)
    table = next(s[2] + strings - s[3] for s in segments if s[0] == _LOAD and s[3] <= strings < s[3] + s[5])
    names = (_at(file, table + value, _LONGEST, short=True) for tag, value in entries if tag == _NEEDED)
    return [name.partition(b"\0")[0].decode() for name in names]


def _entries(section: bytes) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for tag, value in _ENTRY.iter_unpack(section[: len(section) // _ENTRY.size * _ENTRY.size]):
        if tag == _END:
            break
        found.append((tag, value))
    return found


def _at(file: BinaryIO, offset: int, size: int, *, short: bool = False) -> bytes:
    """``size`` bytes of the file, or with ``short`` as many of them as there are."""
    there = os.fstat(file.fileno()).st_size - offset
    if there < 0 or (there < size and not short):
        raise struct.error("short")
    file.seek(offset)
    return file.read(size)
