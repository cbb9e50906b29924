"""Writing a run of like children once: ``*(Bottleneck(256, 64) for _ in range(5))``.

Texts are compared token by token; a number that grows by one step from each to the next is ``start + step * i``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_LEAST = 3  # a shorter run is plainer written out
_ARGUMENT = re.compile(r"(?<=[(=])\d+(?=[,)])|(?<=, )\d+(?=[,)])")
_ENDING = re.compile(r"^(.*?)(0|[1-9]\d*)$")


def fold(texts: Sequence[str]) -> list[str]:
    """Arguments of a numbered container, runs folded."""
    parts: list[str] = []
    i = 0
    while i < len(texts):
        length = _run(texts[i:])
        pattern = _pattern(texts[i : i + length]) if length >= _LEAST else None
        if pattern is None or texts[i].startswith("*"):
            parts.append(texts[i])
            i += 1
            continue
        parts.append(f"*({pattern} for {_variable(pattern)} in range({length}))")
        i += length
    return parts


def fold_named(children: Sequence[tuple[str, str]]) -> str | None:
    """The argument of an ``OrderedDict`` for named children, if a run of them folds; else None."""
    parts: list[str] = []
    i = 0
    while i < len(children):
        length = _named_run(children[i:])
        if length < _LEAST:
            parts.append(_pair(*children[i]))
            i += 1
            continue
        loop = _named_loop(children[i : i + length])
        if length == len(children):
            return loop
        parts.append(f"*({loop})")
        i += length
    return f"[{', '.join(parts)}]" if len(parts) < len(children) else None


def _pair(name: str, text: str) -> str:
    return f'("{name}", {text})'


def _named_loop(run: Sequence[tuple[str, str]]) -> str:
    name, first = _split(run[0][0])
    pattern = _pattern([text for _, text in run])
    assert pattern is not None
    varies = _variable(pattern) == "i"
    if varies or first == 0:
        number = "{i}" if first == 0 else f"{{i + {first}}}"
        return f'(f"{name}{number}", {pattern}) for i in range({len(run)})'
    return f'(f"{name}{{i}}", {pattern}) for i in range({first}, {first + len(run)})'


def _named_run(children: Sequence[tuple[str, str]]) -> int:
    """Length of the run at the start whose names count up and whose texts fold."""
    name, first = _split(children[0][0])
    if first < 0:
        return 1
    counted = 1
    while counted < len(children) and _split(children[counted][0]) == (name, first + counted):
        counted += 1
    return _run([text for _, text in children[:counted]])


def _split(name: str) -> tuple[str, int]:
    """``layer12`` as ("layer", 12); −1 where no number ends it."""
    match = _ENDING.match(name)
    if match is None or "{" in name or "}" in name or (match[1] and match[1][-1].isdigit()):
        return name, -1
    return match[1], int(match[2])


def _run(texts: Sequence[str]) -> int:
    """Length of the longest run at the start that folds into one pattern."""
    if len(texts) < 2 or (steps := _steps(texts[0], texts[1])) is None:
        return 1
    length = 2
    while length < len(texts) and _steps(texts[length - 1], texts[length]) == steps:
        length += 1
    return length


def _steps(a: str, b: str) -> list[int] | None:
    """By how much each number grows from a text to the next; None if more than numbers differs, or a run is within."""
    if a == b:
        return [0] * len(_ARGUMENT.findall(a))
    if " for " in a or _ARGUMENT.sub("#", a) != _ARGUMENT.sub("#", b):
        return None
    return [int(y) - int(x) for x, y in zip(_ARGUMENT.findall(a), _ARGUMENT.findall(b), strict=True)]


def _pattern(texts: Sequence[str]) -> str | None:
    """The text of the i-th of a run, given that they fold."""
    if len(texts) < 2:
        return None
    steps = _steps(texts[0], texts[1])
    assert steps is not None
    remaining = iter(steps)

    def number(match: re.Match[str]) -> str:
        step = next(remaining)
        if step == 0:
            return match.group()
        grown = "i" if step == 1 else f"{abs(step)} * i"
        return f"{match.group()} {'-' if step < 0 else '+'} {grown}"

    return _ARGUMENT.sub(number, texts[0])


def _variable(pattern: str) -> str:
    return "i" if re.search(r"[+-] (\d+ \* )?i\b", pattern) else "_"
