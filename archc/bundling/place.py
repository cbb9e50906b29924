"""Folders that appear whole or not at all: written aside, then moved into place."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # of Linux's renameat2
_UNABLE = (errno.ENOSYS, errno.EINVAL, errno.EXDEV, errno.EPERM)


@contextmanager
def folder_aside(home: Path) -> Generator[Path, None, None]:
    """A new folder on the file system of ``home``, gone at the end of the block with all that is left in it.

    So are folders that were made for it, ``home`` among them, where nothing came to stand in them.
    It stands beside ``home`` where it can: Triton takes every folder of a model repository for a model, also one
    that a killed process left there.
    """
    missing = [folder for folder in (home, *home.parents) if not folder.exists()]
    path: Path | None = None
    try:  # before anything is made: Ctrl-C may come at once
        home.mkdir(parents=True, exist_ok=True)
        path = _beside(home) / f".archc-{token_hex(8)}.tmp"
        path.mkdir()
        yield path
    finally:
        if path is not None:
            shutil.rmtree(path, ignore_errors=True)
        with suppress(OSError):  # the innermost first; one that is not empty stays, and those around it
            for folder in missing:
                folder.rmdir()


def _beside(home: Path) -> Path:
    parent = home.resolve().parent
    one_file_system = parent.stat().st_dev == home.stat().st_dev
    return parent if one_file_system and os.access(parent, os.W_OK | os.X_OK) else home


def replace_folder(new: Path, final: Path) -> None:
    """Give ``new`` the name ``final``; what stood there is then under the old name of ``new``.

    In one step on Linux. Where the system can't swap two names there is a moment between two renames in which neither
    stands there, and the old one is kept beside it.
    """
    if not final.exists():
        os.rename(new, final)
    elif not _exchange(new, final):
        old = final.with_name(f".archc-{token_hex(8)}.tmp")
        os.rename(final, old)
        try:
            os.rename(new, final)
        except BaseException:
            os.rename(old, final)
            raise
        os.rename(old, new)


def _exchange(a: Path, b: Path) -> bool:
    """Swap two names in one step; False where the system or the file system can't. Raises OSError."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    if renameat2(_AT_FDCWD, os.fsencode(a), _AT_FDCWD, os.fsencode(b), _RENAME_EXCHANGE) == 0:
        return True
    if (number := ctypes.get_errno()) in _UNABLE:
        return False
    raise OSError(number, os.strerror(number), str(b))


def link_or_copy(source: str, target: str) -> None:
    """A second name for a file, or a copy of it where the file system has no links."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)
