"""Where the texts of specs come from: files as they lie on the disk, or as they were at another time."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Protocol

from archc.language import library, limits


class FileSystem(Protocol):
    """Files by path."""

    def key(self, path: Path) -> Path:
        """The one path of a file, however it is written."""
        ...

    def shown(self, path: Path) -> str:
        """How messages name a file."""
        ...

    def read(self, path: Path) -> tuple[str, str | None]:
        """The text, or why there is none."""
        ...

    def exists(self, path: Path) -> bool:
        """Whether there is something under that path."""
        ...

    def names(self, folder: Path) -> list[str]:
        """The spec files of a folder; none where there is no such folder."""
        ...

    def used_file(self, name: str) -> Path | None:
        """A file of the library as `use` names it."""
        ...

    def used_names(self) -> list[str]:
        """What `use` may name of the library."""
        ...


class Disk:
    """Files as they are now."""

    def key(self, path: Path) -> Path:
        return path.resolve()

    def shown(self, path: Path) -> str:
        return library.shown(path)

    def read(self, path: Path) -> tuple[str, str | None]:
        try:
            status = os.stat(path)
            if not stat.S_ISREG(status.st_mode):
                return "", "it is a folder" if stat.S_ISDIR(status.st_mode) else "it is no file"
            if status.st_size > limits.FILE_BYTES:
                return "", "too large"
            return decoded(path.read_bytes())
        except OSError as error:
            return "", (error.strerror or str(error)).lower()

    def exists(self, path: Path) -> bool:
        return os.path.exists(path)

    def names(self, folder: Path) -> list[str]:
        return [p.name for p in folder.glob("*.y*ml")] if os.path.isdir(folder) else []

    def used_file(self, name: str) -> Path | None:
        return library.used_file(name)

    def used_names(self) -> list[str]:
        return library.used_names()


DISK = Disk()


def decoded(data: bytes) -> tuple[str, str | None]:
    """The text of a file, or why it is none."""
    try:
        return data.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        return "", f"byte {error.start} is not UTF-8"
