"""Writing models into a repository, whole or not at all."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from archc.bundling.place import folder_aside, link_or_copy, replace_folder
from archc.diagnostics.diagnostic import RequestError
from archc.files import WriteError, plainly, write_text

_NAME = re.compile(r"[^\W_][\w.+-]*|_[\w.+-]*")
_LONGEST = 255  # bytes of a folder's name


@dataclass(frozen=True)
class Entry:
    """One version of one model. ``texts`` stand in the model's folder, for all of its versions: name → text.

    ``files`` stand in the version's: name → the file to copy; a name may lead into a folder of it.
    """

    name: str
    version: int
    texts: Mapping[str, str]
    files: Mapping[str, Path]


def check_name(name: str) -> None:
    """A model's name is a folder's name and a part of a URL. Raises RequestError."""
    if _NAME.fullmatch(name) is None or len(name.encode()) > _LONGEST:
        better = re.sub(r"[^\w.+-]+", "_", name).lstrip(".+-")[:60]
        hint = "a name has letters, digits, `_`, `-`, `+` and `.`, and begins with none of the last three"
        raise RequestError(f"a model can't be named {name!r}", hint + (f": --name {better}" if better else ""))


def write(entries: Sequence[Entry], out: Path, *, force: bool = False) -> None:
    """Write all entries aside, then move one after another into place.

    A version that stands there, and texts that hold for other versions and would change, are only replaced with
    ``force``. Raises RequestError and WriteError; what stands there is then as it was.
    """
    for entry in entries:
        check_name(entry.name)
        _check_place(out / entry.name)
        if not force:
            _check_free(entry, out / entry.name)
    with plainly(out), ExitStack() as stack:
        aside = [stack.enter_context(folder_aside(out)) for _ in entries]
        for entry, folder in zip(entries, aside, strict=True):
            _write_aside(entry, folder / entry.name)
        with ExitStack() as undo:
            for entry, folder in zip(entries, aside, strict=True):
                _publish(entry, folder / entry.name, out / entry.name, undo, force=force)
            undo.pop_all()


def _check_place(final: Path) -> None:
    for folder in (final, *final.parents):
        if folder.exists():
            if not folder.is_dir():
                raise WriteError(f"cannot write {final}: {folder} is a file, not a folder")
            return


def _check_free(entry: Entry, final: Path) -> None:
    version = final / str(entry.version)
    if version.exists():
        later = max((int(n.name) for n in final.iterdir() if n.name.isascii() and n.name.isdigit()), default=0) + 1
        raise RequestError(f"{version} is there already", f"--version {later} adds one, --force replaces it")
    for file, text in entry.texts.items():
        path = final / file
        if path.exists() and (old := path.read_text(encoding="utf-8", errors="replace")) != text:
            raise RequestError(
                f"{path} holds for all versions of `{entry.name}`, and this one needs another{_difference(old, text)}",
                "--force replaces it, --name NAME writes a model of its own",
            )


def _difference(old: str, new: str) -> str:
    """The first lines that differ."""
    pairs = zip([*old.splitlines(), ""], [*new.splitlines(), ""], strict=False)
    was, now = next(((a.strip(), b.strip()) for a, b in pairs if a != b), ("", ""))
    return f": `{now[:60]}` for `{was[:60]}`" if was or now else ""


def _write_aside(entry: Entry, folder: Path) -> None:
    version = folder / str(entry.version)
    version.mkdir(parents=True)
    for name, source in entry.files.items():
        target = version / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    for name, text in entry.texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def _publish(entry: Entry, new: Path, final: Path, undo: ExitStack, *, force: bool) -> None:
    """A first version comes with its folder, a further one alone; with ``force`` a new folder replaces the old.

    ``undo`` is given what takes it back.
    """
    if not final.exists():
        _move(new, final, undo)
    elif not force:
        for name, text in entry.texts.items():
            if not (final / name).exists():
                undo.callback((final / name).unlink, missing_ok=True)
                write_text(final / name, text)
        _move(new / str(entry.version), final / str(entry.version), undo)
    else:
        _keep_others(new, final)
        replace_folder(new, final)
        undo.callback(replace_folder, new, final)


def _move(new: Path, final: Path, undo: ExitStack) -> None:
    """To a place where nothing stands."""
    undo.callback(_take_back, new, final)
    replace_folder(new, final)


def _take_back(new: Path, final: Path) -> None:
    if not new.exists():
        final.rename(new)


def _keep_others(new: Path, final: Path) -> None:
    """All of the old folder that the new one does not replace."""
    for path in final.iterdir():
        target = new / path.name
        if target.exists():
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.copytree(path, target, symlinks=True, copy_function=partial(link_or_copy))
        else:
            link_or_copy(str(path), str(target))
