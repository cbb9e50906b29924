"""Did-you-mean."""

from __future__ import annotations

from collections.abc import Iterable

LONGEST = 80  # characters of a name that are compared
MOST = 300  # names that it is compared with
MANY = 2000  # names among which those are looked for


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was most likely meant."""
    import difflib  # only when something is wrong

    candidates = list(known)
    if len(candidates) > MANY:
        candidates = [c for c in candidates if c[:1] == name[:1]][:MANY]
    plain = {_plain(c): c for c in reversed(candidates)}
    if _plain(name) in plain:
        return plain[_plain(name)]
    longest = max(1, len(name))
    near = [c for c in candidates if 0.48 * longest <= len(c) <= longest / 0.48]  # the others can't be that close
    near.sort(key=lambda c: c[:1] != name[:1])
    found = difflib.get_close_matches(name[:LONGEST], near[:MOST], n=1, cutoff=0.65)
    return found[0] if found else None


def _plain(name: str) -> str:
    """Without what names of one thing differ by: `BatchNorm2d`, `batchnorm` and `batch_norm` are one."""
    return name.lower().replace("_", "").removesuffix("2d")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`did you mean …?`, or nothing."""
    found = closest(name, known)
    return f"did you mean `{found}`?" if found else ""
