"""Spec files and the files that they use: read, within bounds, once."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from archc.diagnostics import errors
from archc.diagnostics.collector import Collector
from archc.diagnostics.diagnostic import Diagnostic
from archc.diagnostics.span import Source, Span
from archc.language import library, limits
from archc.language.schema import read_spec
from archc.language.spec import Spec, Use


@dataclass(eq=False)
class Loaded:
    """A file as read. ``used`` are the files of its `use`, None where one could not be found."""

    path: Path
    source: Source
    spec: Spec | None
    diagnostics: list[Diagnostic]
    used: list[tuple[Use, Loaded | None]] = field(default_factory=list["tuple[Use, Loaded | None]"])

    def everything(self) -> list[Loaded]:
        """This file and all that it uses, each once."""
        found: dict[int, Loaded] = {}
        stack = [self]
        while stack:
            file = stack.pop()
            if id(file) not in found:
                found[id(file)] = file
                stack += [f for _, f in file.used if f is not None]
        return list(found.values())

    @cached_property
    def digest(self) -> str:
        """sha256 of the texts of this file and of all that it uses, wherever they lie."""
        texts = sorted(hashlib.sha256(f.source.text.encode()).hexdigest() for f in self.everything() if f is not self)
        own = hashlib.sha256(self.source.text.encode()).hexdigest()
        return hashlib.sha256(" ".join([own, *texts]).encode()).hexdigest()


_KEPT: dict[str, Loaded] = {}  # a file is read again only when it, or one that it uses, has changed


def load(path: Path) -> Loaded:
    """The file and what it uses, each once. Mistakes are in ``diagnostics`` of each."""
    key = f"{path.resolve()} {library.shown(path)}"
    kept = _KEPT.get(key)
    if kept is not None and all(_unchanged(f) for f in kept.everything()):
        return kept
    loaded = _load(path, (), {})
    _KEPT[key] = loaded
    return loaded


def _load(path: Path, above: tuple[Path, ...], read: dict[Path, Loaded]) -> Loaded:
    """``above`` are the files that led here, ``read`` those that were read on the way."""
    if (resolved := path.resolve()) in read:
        return read[resolved]
    collector = Collector()
    source = Source(library.shown(path), "")
    source.text, why = _read(path)
    loaded = read[resolved] = Loaded(path, source, None, collector.diagnostics)
    if why is not None:
        start, too_large = Span(source, 0, 0), why == "too large"
        collector.add(errors.file_too_large(start, limits.FILE_BYTES) if too_large else errors.unreadable(start, why))
        return loaded
    loaded.spec = read_spec(source, collector)
    for use in loaded.spec.uses if loaded.spec is not None else []:
        loaded.used.append((use, _used(use, path, (*above, resolved), read, collector)))
    return loaded


def _unchanged(file: Loaded) -> bool:
    """Whether a file is as it was read (its text, for times can lie), and lacks no file that may be there now."""
    text, why = _read(file.path)
    return why is None and text == file.source.text and all(used is not None for _, used in file.used)


def _read(path: Path) -> tuple[str, str | None]:
    """The text, or why there is none."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return "", "it is a folder" if stat.S_ISDIR(status.st_mode) else "it is no file"
        if status.st_size > limits.FILE_BYTES:
            return "", "too large"
        return path.read_bytes().decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        return "", f"byte {error.start} is not UTF-8"
    except OSError as error:
        return "", (error.strerror or str(error)).lower()


def _used(
    use: Use, path: Path, above: tuple[Path, ...], read: dict[Path, Loaded], collector: Collector
) -> Loaded | None:
    name, span = use.path.text, use.path.span
    if name.startswith("."):
        found: Path | None = path.parent / name
        assert found is not None
        folder = found.parent
        known = [f"{name.rpartition('/')[0]}/{p.name}" for p in folder.glob("*.y*ml")] if os.path.isdir(folder) else []
        if found.suffix not in library.SUFFIXES:  # no other file is a spec's business
            found = Path(f"{found}.yaml")
    else:
        found, known = library.used_file(name), library.used_names()
    if found is None or not os.path.exists(found):
        collector.add(errors.no_such_file(span, name, known))
        return None
    if found.resolve() in above:
        circle = [*above[above.index(found.resolve()) :], found]
        collector.add(errors.use_cycle(span, [library.shown(p) for p in circle]))
        return None
    if len(above) >= limits.NESTING // 2:
        collector.add(errors.nested_too_deeply(span, limits.NESTING // 2))
        return None
    return _load(found, above, read)
