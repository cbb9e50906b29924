"""Spec files and the files that they use: read, within bounds, once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from archc.diagnostics import errors
from archc.diagnostics.collector import Collector
from archc.diagnostics.diagnostic import Diagnostic
from archc.diagnostics.span import Source, Span
from archc.language import library, limits
from archc.language.filesystem import DISK, FileSystem
from archc.language.schema import read_spec
from archc.language.spec import Spec, Use


@dataclass(eq=False)
class Loaded:
    """A file as read.

    ``used`` are the files of its `use`, None where one could not be found; ``beside`` the texts of other files that its
    network took in (labels), by name.
    """

    path: Path
    source: Source
    spec: Spec | None
    diagnostics: list[Diagnostic]
    used: list[tuple[Use, Loaded | None]] = field(default_factory=list["tuple[Use, Loaded | None]"])
    filesystem: FileSystem = DISK
    beside: dict[str, str] = field(default_factory=dict[str, str])

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

    def by_name(self) -> list[tuple[Path, Loaded]]:
        """The files of its `use` that are there, with the path by which it names each."""
        return [(_named(use, self.path) or file.path, file) for use, file in self.used if file is not None]

    def mistakes(self) -> Collector:
        """What is wrong with the texts of this file and of all that it uses."""
        return Collector(d for file in self.everything() for d in file.diagnostics)

    @cached_property
    def digest(self) -> str:
        """sha256 of the texts of this file and of all that it uses, wherever they lie."""
        return digest(self.source.text, [f.source.text for f in self.everything() if f is not self])


def digest(text: str, used: list[str]) -> str:
    """sha256 of the texts of a spec and of all that it uses, in any order."""
    return _sha256(" ".join([_sha256(text), *sorted(map(_sha256, used))]))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


_KEPT: dict[str, Loaded] = {}  # a file is read again only when it, or one that it uses, has changed


def load(path: Path) -> Loaded:
    """The file and what it uses, each once. Mistakes are in ``diagnostics`` of each."""
    key = f"{path.resolve()} {library.shown(path)}"
    kept = _KEPT.get(key)
    if kept is not None and all(_unchanged(f) for f in kept.everything()):
        return kept
    loaded = load_from(DISK, path)
    _KEPT[key] = loaded
    return loaded


def load_from(filesystem: FileSystem, path: Path) -> Loaded:
    """As ``load``, from elsewhere than the disk."""
    return _load(path, (), {}, filesystem)


def _load(path: Path, above: tuple[Path, ...], read: dict[Path, Loaded], filesystem: FileSystem) -> Loaded:
    """``above`` are the files that led here, ``read`` those that were read on the way."""
    if (resolved := filesystem.key(path)) in read:
        return read[resolved]
    collector = Collector()
    source = Source(filesystem.shown(path), "")
    source.text, why = filesystem.read(path)
    loaded = read[resolved] = Loaded(path, source, None, collector.diagnostics, filesystem=filesystem)
    if why is not None:
        start, too_large = Span(source, 0, 0), why == "too large"
        collector.add(errors.file_too_large(start, limits.FILE_BYTES) if too_large else errors.unreadable(start, why))
        return loaded
    loaded.spec = read_spec(source, collector)
    for use in loaded.spec.uses if loaded.spec is not None else []:
        loaded.used.append((use, _used(use, path, (*above, resolved), read, collector, filesystem)))
    return loaded


def _unchanged(file: Loaded) -> bool:
    """Whether a file is as it was read (its text, for times can lie), and lacks no file that may be there now."""
    text, why = file.filesystem.read(file.path)
    return why is None and text == file.source.text and all(used is not None for _, used in file.used)


def _used(
    use: Use,
    path: Path,
    above: tuple[Path, ...],
    read: dict[Path, Loaded],
    collector: Collector,
    filesystem: FileSystem,
) -> Loaded | None:
    name, span = use.path.text, use.path.span
    found = _named(use, path)
    if found is not None:
        known = [f"{name.rpartition('/')[0]}/{other}" for other in filesystem.names(found.parent)]
    else:
        found, known = filesystem.used_file(name), filesystem.used_names()
    if found is None or not filesystem.exists(found):
        collector.add(errors.no_such_file(span, name, known))
        return None
    if (key := filesystem.key(found)) in above:
        circle = [*above[above.index(key) :], found]
        collector.add(errors.use_cycle(span, [filesystem.shown(p) for p in circle]))
        return None
    if len(above) >= limits.NESTING // 2:
        collector.add(errors.nested_too_deeply(span, limits.NESTING // 2))
        return None
    return _load(found, above, read, filesystem)


def _named(use: Use, path: Path) -> Path | None:
    """What a `use` in the file at ``path`` means where it is written as seen from there; None for the library's."""
    if not use.path.text.startswith("."):
        return None
    found = path.parent / use.path.text
    return found if found.suffix in library.SUFFIXES else Path(f"{found}.yaml")  # no other file is a spec's business
