"""The table's files, read and written as rows of text."""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
PROVIDERS = ("CPUExecutionProvider", "CUDAExecutionProvider")
ONNX = "ai.onnx"  # in files; elsewhere the domain of ONNX's own operators is ""
OPERATORS = ("domain", "op", "since", "inputs", "outputs", "function")
KERNELS = ("domain", "op", "versions", "types")


@dataclass(frozen=True, slots=True)
class Argument:
    """An input or output of an operator: ``type`` is one of its type parameters, or an element type."""

    name: str
    type: str
    variadic: bool = False

    def __str__(self) -> str:
        return f"{self.name}:{self.type}{'...' if self.variadic else ''}"

    @classmethod
    def parse(cls, text: str) -> Argument:
        name, _, type = text.partition(":")
        return cls(name, type.removesuffix("..."), type.endswith("..."))


@dataclass(frozen=True, slots=True)
class Operator:
    """One version of an operator. ``function``: ONNX defines it by other operators, which stand in for its kernel."""

    since: int
    inputs: tuple[Argument, ...]
    outputs: tuple[Argument, ...]
    function: bool


@dataclass(frozen=True, slots=True)
class Kernel:
    """Versions of an operator, and by type parameter (or argument) the element types, that a provider can run.

    Without ``last``, it runs the version ``first`` alone: onnxruntime does not take it for versions that came later.
    """

    first: int
    last: int | None
    types: Mapping[str, frozenset[str]]

    def runs(self, since: int) -> bool:
        """Whether it runs this version of the operator."""
        return self.first == since or (self.last is not None and self.first <= since <= self.last)

    def takes(self, types: Mapping[str, str]) -> bool:
        """Whether it runs on these element types by type parameter or argument; any that are not given will do."""
        return all(types.get(key, next(iter(allowed))) in allowed for key, allowed in self.types.items())


def version() -> str:
    """The version of onnxruntime that the table was made from."""
    return _head("operators").split()[2]


def operator(op_type: str, opset: int, domain: str = "") -> Operator | None:
    """The version of an operator that is meant at an opset, or None if there is none."""
    versions = _operators().get((domain, op_type), [])
    place = bisect_right(versions, opset, key=lambda v: v.since)
    return versions[place - 1] if place else None


def kernels(provider: str, op_type: str, domain: str = "") -> list[Kernel]:
    """All that a provider has for an operator. Raises ValueError for a provider that the table does not know."""
    if provider not in PROVIDERS:
        raise ValueError(f"no table of `{provider}`; there are {', '.join(PROVIDERS)}")
    return _kernels(provider).get((domain, op_type), [])


@cache
def _operators() -> dict[tuple[str, str], list[Operator]]:
    found: dict[tuple[str, str], list[Operator]] = {}
    for domain, op, since, inputs, outputs, function in rows("operators"):
        entry = Operator(int(since), _arguments(inputs), _arguments(outputs), bool(function))
        found.setdefault((_domain(domain), op), []).append(entry)
    return {key: sorted(entries, key=lambda e: e.since) for key, entries in found.items()}


@cache
def _kernels(provider: str) -> dict[tuple[str, str], list[Kernel]]:
    found: dict[tuple[str, str], list[Kernel]] = {}
    for domain, op, versions, types in rows(provider):
        first, _, last = versions.partition("-")
        constraints = (entry.split(":") for entry in types.split(";") if entry)
        allowed = {key.strip(): frozenset(names.split()) for key, names in constraints}
        last_version = int(last) if last else None if versions.endswith("-") else int(first)
        found.setdefault((_domain(domain), op), []).append(Kernel(int(first), last_version, allowed))
    return found


def rows(name: str) -> Iterator[list[str]]:
    """The rows of a file of the table, without its head."""
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        file.readline()  # where it came from
        next(lines := csv.reader(file))
        yield from lines


def _head(name: str) -> str:
    with (FOLDER / f"{name}.csv").open(encoding="utf-8") as file:
        return file.readline()


def _arguments(text: str) -> tuple[Argument, ...]:
    return tuple(map(Argument.parse, text.split()))


def _domain(name: str) -> str:
    return "" if name == ONNX else name
