"""From a model that archc wrote back to the spec that it was made of.

What the model says is another's text: it is checked against its hash, and no file is written outside the folder asked
for. Weights stay in the model; folded as they are, the file that they came from can't be made of them again.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, cast

from archc.backends.onnx.metadata import read_metadata, record_of
from archc.compiler import SpecFile
from archc.diagnostics.diagnostic import RequestError
from archc.display.text import clean
from archc.files import write_text
from archc.graph.record import LIBRARY, SPEC, Record
from archc.graph.structure import structure_hash
from archc.language.files import load_from
from archc.language.record import Recorded, digest_of
from archc.network import Network

FILES = 1000  # that a model may hold
_PART = re.compile(r"[^\x00-\x1f\x7f\\/:*?\"<>|]{1,200}")  # of a path: what every file system takes


class RecoveryError(RequestError):
    """What a model holds is not what it was made of: a hash does not fit."""


@dataclass(frozen=True)
class Recovered:
    """What a model was made of. ``recover`` makes it.

    ``metadata`` is all that the model says of itself, by key: ``weights``, ``profile``, ``archc_version`` and others.
    """

    record: Record
    metadata: Mapping[str, str]

    @property
    def text(self) -> str:
        """The spec, as it was."""
        return self.record.specs[self.record.main]

    @property
    def variant(self) -> str:
        return self.record.variant

    @property
    def params(self) -> Mapping[str, Any]:
        """The parameters that the caller gave."""
        return self.record.params

    @property
    def input(self) -> Mapping[str, tuple[int, ...]] | None:
        """The input's sizes that the caller gave, by name; None where they are the spec's own."""
        return self.record.input or None

    @property
    def export(self) -> dict[str, Any]:
        """The arguments of ``Network.onnx``, apart from the file and the weights."""
        said = _said(self.metadata, "export")
        return cast("dict[str, Any]", said) if isinstance(said, dict) else {}

    @cached_property
    def network(self) -> Network:
        """The network, compiled anew from the texts in the model alone. Raises CompileError and RequestError."""
        files = Recorded(self.record)
        path = files.path(self.record.main)
        return Network.of(SpecFile(path, load_from(files, path)), self.variant, dict(self.params), self.input)

    def differences(self) -> list[str]:
        """What of the network, compiled anew, is not as the model says; a line each, none where all is.

        Raises CompileError and RequestError where it does not compile at all.
        """
        graph = self.network.graph
        found = {
            "structure_sha256": structure_hash(graph),
            "spec_sha256": graph.spec_hash,
            "preprocess": graph.preprocess,
            "labels": graph.labels,
        }
        return [
            f"{key.removesuffix('_sha256')}: the model says {_short(self.metadata.get(key))}, and it is {_short(value)}"
            for key, value in found.items()
            if _said(self.metadata, key) != (value or None)
        ]

    @property
    def main(self) -> str:
        """The spec's path among ``files``."""
        return self._place(self.record.main)

    def files(self) -> dict[str, str]:
        """Path → text, of all that it was made of; the library's files lie in a folder of that name."""
        return {self._place(name): text for name, text in {**self.record.specs, **self.record.beside}.items()}

    def _place(self, name: str) -> str:
        root, _, rest = name.partition("/")
        return rest if root == SPEC else f"{self._library}/{rest}"

    @cached_property
    def _library(self) -> str:
        """The folder for the library's files: one that the caller's own have not."""
        own = {name.split("/")[1] for name in (*self.record.specs, *self.record.beside) if name.startswith(f"{SPEC}/")}
        return next(name for number in count() if (name := LIBRARY + "_" * number) not in own)

    def write(self, folder: str | Path) -> list[Path]:
        """Write ``files`` into a folder; gives their paths. Raises RequestError rather than replace another text.

        Raises WriteError where the file system refuses.
        """
        targets = {_within(Path(folder), name): text for name, text in self.files().items()}
        for path, text in targets.items():
            if os.path.lexists(path) and not _holds(path, text):
                raise RequestError(f"{path} is there, and is another text", "name another folder with --out")
        for path, text in targets.items():
            write_text(path, text)
        return list(targets)


def recover(path: str | Path) -> Recovered:
    """What the model in an ONNX file was made of; the weights are not read, and neither onnx nor numpy is needed.

    Raises ModelError where the file is no model, RequestError where archc did not write it, or an archc that did not
    take the spec down, and RecoveryError where the texts do not have the hash that it had.
    """
    path = Path(path)
    metadata = read_metadata(path)
    if "spec_text" not in metadata:
        raise RequestError(f"{path} does not say what it was made of", "models that `archc build --to onnx` writes do")
    if "record" not in metadata:
        raise RequestError(f"{path} holds a spec, and not the files that it uses", "an older archc wrote it")
    try:
        record = record_of(metadata)
        _check_names(record)
    except (ValueError, RecursionError) as e:
        raise RequestError(f"{path}: what it was made of can't be read: {clean(str(e), 200)}") from e
    found, said = digest_of(record), metadata.get("spec_sha256", "")
    if found != said:
        raise RecoveryError(f"{path}: its spec is not the one it was made of: sha256 {found}, not {clean(said, 64)}")
    return Recovered(record, metadata)


def _check_names(record: Record) -> None:
    """Raises ValueError for a path that could lead anywhere, and for too many."""
    names = [*record.specs, *record.beside, *record.links, *record.links.values()]
    if len(names) > FILES:
        raise ValueError(f"it names {len(names):,} files")
    for name in names:
        root, *parts = name.split("/")
        if root not in (SPEC, LIBRARY) or not parts or not all(map(_is_plain, parts)):
            raise ValueError(f"it names a file {name!r}")


def _is_plain(part: str) -> bool:
    return _PART.fullmatch(part) is not None and part.strip(". ") != "" and part == part.strip()


def _within(folder: Path, name: str) -> Path:
    """A file in the folder. Raises RequestError where links lead out of it."""
    path = folder / name
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise RequestError(f"{path} leads out of {folder}", "name another folder with --out")
    return path


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.stat().st_size == len(text.encode()) and path.read_bytes() == text.encode()


def _said(metadata: Mapping[str, str], key: str) -> Any:
    """What an entry holds; its text where that is no JSON."""
    text = metadata.get(key)
    try:
        return text if text is None or key.endswith("_sha256") else json.loads(text)
    except (ValueError, RecursionError):
        return text


def _short(value: Any) -> str:
    return clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), 64) if value else "nothing"
