"""A seeded mutator of specs: small and large damage, as typing, merging and editing make it."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

TOKENS = re.compile(r"[A-Za-z_][A-Za-z_0-9]*|\d+|<-|[-+*/%=<>!]=?|\s+|.", re.DOTALL)
CHARACTERS = " \t\n:,-[](){}<>=+*/%.\"'#&|!?@`$\\0123456789abcxyzABC_\0\x1b\x85\ufeff\u2028é数"
WORDS = [
    "relu", "conv", "concat", "add", "chunk(2)", "tuple", "x", "prev", "if", "else", "elif", "for", "in", "let",
    "true", "None", "<-", "${i}", "blocks", "body", "use", "init", "outputs", "range(3)", "{}", "[]", "[1]", "&a",
    "*a", "!!int", "lambda", "10**9", "0", "-1", "1.5", "'t'",
]  # fmt: skip

Mutation = Callable[[random.Random, str], str]


def _cut(r: random.Random, size: int, most: int) -> tuple[int, int]:
    start = r.randrange(size + 1)
    return start, min(size, start + r.randint(1, most))


def insert_character(r: random.Random, text: str) -> str:
    at = r.randrange(len(text) + 1)
    return text[:at] + r.choice(CHARACTERS) + text[at:]


def delete_characters(r: random.Random, text: str) -> str:
    start, end = _cut(r, len(text), r.choice([1, 1, 1, 3, 20]))
    return text[:start] + text[end:]


def swap_characters(r: random.Random, text: str) -> str:
    at = r.randrange(max(1, len(text) - 1))
    return text[:at] + text[at : at + 2][::-1] + text[at + 2 :]


def _tokens(change: Callable[[random.Random, list[str], int], None]) -> Mutation:
    def mutate(r: random.Random, text: str) -> str:
        tokens = TOKENS.findall(text)
        solid = [i for i, token in enumerate(tokens) if not token.isspace()]
        if solid:
            change(r, tokens, r.choice(solid))
        return "".join(tokens)

    return mutate


def _replace(r: random.Random, tokens: list[str], at: int) -> None:
    tokens[at] = r.choice(WORDS) if r.random() < 0.5 else r.choice(tokens)


def _delete(r: random.Random, tokens: list[str], at: int) -> None:
    del tokens[at]


def _double(r: random.Random, tokens: list[str], at: int) -> None:
    tokens.insert(at, tokens[at] + r.choice(["", " ", ", "]))


def _swap(r: random.Random, tokens: list[str], at: int) -> None:
    other = r.randrange(len(tokens))
    tokens[at], tokens[other] = tokens[other], tokens[at]


def change_number(r: random.Random, text: str) -> str:
    numbers = list(re.finditer(r"\d+", text))
    if not numbers:
        return text
    found = r.choice(numbers)
    n = int(found.group())
    new = r.choice([0, 1, -1, n + 1, n * 2, n * 1000, n / 2, 10**18, 10**30])
    return text[: found.start()] + str(new) + text[found.end() :]


def misspell(r: random.Random, text: str) -> str:
    names = list(re.finditer(r"[A-Za-z_]{3,}", text))
    if not names:
        return text
    found = r.choice(names)
    at = r.randrange(found.start(), found.end())
    return text[:at] + r.choice(["", text[at] * 2, "x"]) + text[at + 1 :]


def _lines(change: Callable[[random.Random, list[str]], None]) -> Mutation:
    def mutate(r: random.Random, text: str) -> str:
        lines = text.split("\n")
        change(r, lines)
        return "\n".join(lines)

    return mutate


def _delete_lines(r: random.Random, lines: list[str]) -> None:
    start, end = _cut(r, len(lines), 4)
    del lines[start:end]


def _double_lines(r: random.Random, lines: list[str]) -> None:
    start, end = _cut(r, len(lines), 4)
    lines[start:start] = lines[start:end]


def _move_lines(r: random.Random, lines: list[str]) -> None:
    start, end = _cut(r, len(lines), 4)
    moved = lines[start:end]
    del lines[start:end]
    at = r.randrange(len(lines) + 1)
    lines[at:at] = moved


def _indent(r: random.Random, lines: list[str]) -> None:
    start, end = _cut(r, len(lines), 4)
    shift = r.choice([-4, -2, -1, 1, 2, 4])
    for i in range(start, end):
        lines[i] = " " * shift + lines[i] if shift > 0 else lines[i].removeprefix(" " * -shift)


def _join_lines(r: random.Random, lines: list[str]) -> None:
    at = r.randrange(len(lines))
    lines[at : at + 2] = [r.choice(["", " ", ", "]).join(lines[at : at + 2])]


def truncate(r: random.Random, text: str) -> str:
    return text[: r.randrange(len(text) + 1)]


MUTATIONS: list[Mutation] = [
    insert_character,
    delete_characters,
    swap_characters,
    _tokens(_replace),
    _tokens(_delete),
    _tokens(_double),
    _tokens(_swap),
    change_number,
    misspell,
    _lines(_delete_lines),
    _lines(_double_lines),
    _lines(_move_lines),
    _lines(_indent),
    _lines(_join_lines),
    truncate,
]


def mutant(seed: int, texts: dict[str, str]) -> tuple[str, str]:
    """The name of a text and a mutant of it; the same for the same seed."""
    r = random.Random(seed)
    name = r.choice(sorted(texts))
    text = texts[name]
    for _ in range(r.choice([1, 1, 1, 2, 3])):
        text = r.choice(MUTATIONS)(r, text)
    return name, text
