"""The table as the installed onnxruntime has it: its registries of kernels and of operators, as rows of text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import onnx.defs

from archc.runtime.kernels.table import ONNX, PROVIDERS, Argument
from tests.kernels import standins

DOMAINS = ("", "com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc")
LAST = 2**31 - 1  # of a kernel for a version that had no later one when it was written

_PROGRAM = """
import json
from onnxruntime.capi import onnxruntime_pybind11_state as state
kernels = [(k.provider, k.domain, k.op_name, *k.version_range, k.type_constraints)
           for k in state.get_all_opkernel_def()]
arguments = lambda all: [(a.name, a.typeStr, a.option.name) for a in all]
operators = [(s.domain, s.name, s.since_version, arguments(s.inputs), arguments(s.outputs))
             for s in state.get_all_operator_schema()]
print(json.dumps({"kernels": kernels, "operators": operators}))
"""

Types = Mapping[str, frozenset[str]]
Row = tuple[str, ...]
_ORDER = ("float32", "float16", "bfloat16", "float64", "int8", "uint8", "int32", "int64")
_NAMES = {"float": "float32", "double": "float64"}


class Registry(NamedTuple):
    """Rows of the table's files: of ``operators.csv``, and by provider those of its kernels."""

    operators: list[Row]
    kernels: dict[str, list[Row]]


def read() -> Registry:
    """Those of the installed onnxruntime, CUDA's too, GPU or no GPU."""
    found: dict[str, Any] = json.loads(standins.run(_PROGRAM))
    by_provider = {provider: list(_kernels(provider, found["kernels"])) for provider in PROVIDERS}
    known = {row[:2] for rows in by_provider.values() for row in rows}
    operators = [row for row in map(_operator, found["operators"]) if row is not None and (row[:2] in known or row[5])]
    return Registry(sorted(operators, key=_by_version), by_provider)


def _by_version(row: Row) -> tuple[str, str, int]:
    return (row[0], row[1], int(row[2].split("-")[0]))


def _kernels(provider: str, found: Iterable[list[Any]]) -> Iterator[Row]:
    groups: dict[tuple[str, str, int, int], list[Types]] = {}
    for name, domain, op, first, last, types in found:
        tensors = {key: frozenset(filter(None, map(_element, names))) for key, names in types.items()}
        if name == provider and domain in DOMAINS and all(tensors.values()):
            groups.setdefault((domain, op, first, last), []).append(tensors)
    rows = [
        (domain or ONNX, op, _span(first, last), types)
        for (domain, op, first, last), kernels in groups.items()
        for types in sorted(map(_text, merged(kernels)))
    ]
    return iter(sorted(rows, key=_by_version))


def merged(kernels: list[Types]) -> list[Types]:
    """As few as say the same: those that differ in one type parameter alone are one, with the types of both."""
    for key in sorted({key for kernel in kernels for key in kernel}):
        rest: dict[frozenset[tuple[str, frozenset[str]]], frozenset[str]] = {}
        without = [kernel for kernel in kernels if key not in kernel]
        for kernel in kernels:
            if key in kernel:
                others = frozenset((k, names) for k, names in kernel.items() if k != key)
                rest[others] = rest.get(others, frozenset()) | kernel[key]
        kernels = without + [{key: names, **dict(others)} for others, names in rest.items()]
    return kernels


def _span(first: int, last: int) -> str:
    return f"{first}-" if last == LAST else str(first) if first == last else f"{first}-{last}"


def _text(types: Types) -> str:
    return "; ".join(f"{key}: {' '.join(sorted(types[key], key=_place))}" for key in sorted(types))


def _place(name: str) -> tuple[int, str]:
    return (_ORDER.index(name) if name in _ORDER else len(_ORDER), name)


def _element(theirs: str) -> str | None:
    """numpy's name of a tensor's element type; None for what is no tensor."""
    inner = theirs.removeprefix("tensor(").removesuffix(")")
    return _NAMES.get(inner, inner) if theirs.startswith("tensor(") else None


def _operator(found: list[Any]) -> Row | None:
    domain, op, since, inputs, outputs = found
    if domain not in DOMAINS:
        return None
    function = "function" if not domain and (op, since) in _functions() else ""
    return (domain or ONNX, op, str(since), _arguments(inputs), _arguments(outputs), function)


def _arguments(found: Iterable[tuple[str, str, str]]) -> str:
    return " ".join(str(Argument(name, _element(type) or type, option == "Variadic")) for name, type, option in found)


@cache
def _functions() -> frozenset[tuple[str, int]]:
    """The versions that ONNX defines by other operators."""
    schemas = onnx.defs.get_all_schemas_with_history()
    functions = (s for s in schemas if not s.domain and (s.has_function or s.has_context_dependent_function))
    return frozenset((schema.name, schema.since_version) for schema in functions)
