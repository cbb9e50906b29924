"""DT_NEEDED, of files made here and of a real one."""

from __future__ import annotations

import struct
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archc.runtime.elf import needed

BASE = 0x400000


def library(names: list[str]) -> bytes:
    """An ELF-64 file with one loaded segment, in which the dynamic section and its strings lie."""
    strings = b"\0" + b"".join(name.encode() + b"\0" for name in names)
    offsets = [1 + sum(len(n.encode()) + 1 for n in names[:i]) for i in range(len(names))]
    table = 64 + 2 * 56
    dynamic = table + len(strings)
    entries = [(1, offset) for offset in offsets] + [(5, BASE + table), (0, 0)]
    section = b"".join(struct.pack("<qQ", *entry) for entry in entries)
    size = dynamic + len(section)
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    segments = [(1, 5, 0, BASE, BASE, size, size, 4096), (2, 6, dynamic, BASE + dynamic, 0, len(section), 0, 8)]
    return header + b"".join(struct.pack("<IIQQQQQQ", *s) for s in segments) + strings + section


def test_names_in_order(tmp_path: Path) -> None:
    path = tmp_path / "lib.so"
    path.write_bytes(library(["libcublas.so.13", "libc.so.6", "ü.so"]))
    assert needed(path) == ["libcublas.so.13", "libc.so.6", "ü.so"]


def test_a_file_linked_with_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lib.so"
    path.write_bytes(library([]))
    assert needed(path) == []


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"MZ" + bytes(200), b"\x7fELF\x01\x01" + bytes(200)])
def test_what_is_no_such_file_is_said_so(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "lib.so"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"lib\.so"):
        needed(path)


@given(st.integers(0, 300), st.binary(max_size=8))
def test_damage_is_a_value_error_or_nothing_at_all(
    tmp_path_factory: pytest.TempPathFactory, at: int, junk: bytes
) -> None:
    path = tmp_path_factory.mktemp("elf") / "lib.so"
    whole = library(["libcublas.so.13"])
    path.write_bytes(whole[:at] + junk + whole[at + len(junk) :])
    with suppress(ValueError):
        assert isinstance(needed(path), list)
    path.write_bytes(whole[: min(at, len(whole) - 1)])
    with pytest.raises(ValueError, match=r"cut short|no 64-bit ELF"):
        needed(path)


@pytest.mark.skipif(sys.platform != "linux", reason="ELF files are Linux's")
def test_the_interpreter_itself_is_linked_with_libc() -> None:
    assert any(name.startswith(("libc.", "libc-", "ld-")) for name in needed(Path(sys.executable).resolve()))
