"""Files that appear whole or not at all: written aside in the same folder, then moved into place."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO


class WriteError(Exception):
    """A file could not be written; what stood under its name before is untouched."""


class Aside:
    """A file being written beside its final place, under a name of its own."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self.path, self.stream = path, stream

    def move(self, final: Path, *, fsync: bool = False) -> None:
        """Close the stream and give the file its final name, in one step, in place of what stands there."""
        self.stream.flush()
        if fsync:
            os.fsync(self.stream.fileno())
        self.stream.close()
        if final.exists():
            with suppress(OSError):  # on file systems without permissions there are none to keep
                os.chmod(self.path, stat.S_IMODE(final.stat().st_mode))
        os.replace(self.path, final)


@contextmanager
def aside(final: Path) -> Generator[Aside, None, None]:
    """A new file in the folder of ``final``, gone at the end of the block unless moved. Raises WriteError."""
    with plainly(final):
        final.parent.mkdir(parents=True, exist_ok=True)
        path = final.parent / f".archc-{token_hex(8)}.tmp"
        try:  # before the file is there: Ctrl-C may come at once
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
            with os.fdopen(handle, "wb") as stream:
                yield Aside(path, stream)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(path)


@contextmanager
def writing(path: str | os.PathLike[str], *, fsync: bool = False) -> Generator[BinaryIO, None, None]:
    """A binary stream that becomes ``path`` when the block ends, and nothing if it ends by an exception of any kind.

    Missing parent folders are made. Of a symbolic link, the file that it points to is replaced. With ``fsync`` the
    bytes are on the disk before the move. Raises WriteError where the file system refuses.
    """
    final = Path(os.path.realpath(path))
    _refuse_special(final)
    with aside(final) as file:
        yield file.stream
        file.move(final, fsync=fsync)


def write_bytes(path: str | os.PathLike[str], data: bytes, *, fsync: bool = False) -> None:
    """Write ``data`` to ``path``, whole or not at all. Raises WriteError."""
    with writing(path, fsync=fsync) as stream:
        stream.write(data)


def write_text(path: str | os.PathLike[str], text: str, *, fsync: bool = False) -> None:
    """Write ``text`` to ``path`` as UTF-8 with its line ends as they are, whole or not at all. Raises WriteError."""
    write_bytes(path, text.encode(), fsync=fsync)


def _refuse_special(final: Path) -> None:
    """A folder can't be replaced by a file, and a device (``/dev/null``) must not be."""
    if final.is_dir():
        raise WriteError(f"cannot write {final}: it is a folder")
    if final.exists() and not final.is_file():
        raise WriteError(f"cannot write {final}: it is no regular file")


_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your disk quota is used up",
    errno.EFBIG: "the file is larger than is allowed here",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the file system is read-only",
    errno.ENOTDIR: "a part of its path is a file, not a folder",
    errno.ENAMETOOLONG: "the name is too long",
}


@contextmanager
def plainly(path: Path) -> Generator[None, None, None]:
    """Says an OSError in the block as a person would: as WriteError."""
    try:
        yield
    except OSError as e:
        reason = _REASONS.get(e.errno or 0) or (e.strerror or str(e)).lower()
        raise WriteError(f"cannot write {path}: {reason}") from e
