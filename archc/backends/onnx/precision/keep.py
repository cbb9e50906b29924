"""Which layers stay in fp32, by patterns over their paths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase

from archc.diagnostics.diagnostic import RequestError
from archc.diagnostics.errors.suggest import closest


def kept(patterns: Sequence[str], layers: Iterable[str]) -> set[str]:
    """The layers that a pattern matches, by their path or by that of a module around them.

    Patterns are those of a shell: ``*`` stands for any characters, dots among them, ``?`` for one. Raises RequestError
    for a pattern that matches nothing.
    """
    paths = list(dict.fromkeys(layers))
    found: set[str] = set()
    for pattern in patterns:
        matching = [path for path in paths if any(fnmatchcase(p, pattern) for p in _around(path))]
        if not matching:
            raise RequestError(f"--keep-fp32: no layer matches `{pattern}`", _hint(pattern, paths))
        found.update(matching)
    return found


def _around(path: str) -> Iterator[str]:
    """The path, and those of the modules around it."""
    while path:
        yield path
        path = path.rpartition(".")[0]


def _hint(pattern: str, paths: Sequence[str]) -> str | None:
    known = dict.fromkeys(p for path in paths for p in _around(path))
    near = closest(pattern, known)
    if near:
        return f"did you mean `{near}`?"
    return f"layers are such as `{paths[0]}`, `{paths[-1]}`" if paths else None
