"""The table of kernels is that of the installed onnxruntime."""

from __future__ import annotations

from functools import cache

import onnxruntime
import pytest

from archc.runtime import kernels
from archc.runtime.kernels.table import rows
from tests.kernels import registry, standins

pytestmark = pytest.mark.skipif(standins.needs() is not None, reason=str(standins.needs()))

REMEDY = "look at what changed, then write the table anew with `python -m tests.kernels.write`"
read = cache(registry.read)


def changes(name: str, installed: list[registry.Row]) -> list[str]:
    """How the installed rows differ from those of a file of the table, as a diff."""
    table = [tuple(row) for row in rows(name)]
    gone, new = set(table) - set(installed), set(installed) - set(table)
    return [*(f"- {', '.join(row)}" for row in sorted(gone)), *(f"+ {', '.join(row)}" for row in sorted(new))]


@pytest.mark.parametrize("provider", kernels.PROVIDERS)
def test_its_kernels_are_those_of_the_installed_onnxruntime(provider: str) -> None:
    if provider not in onnxruntime.get_available_providers():
        pytest.skip(f"this onnxruntime is built without {provider}")
    found = changes(provider, read().kernels[provider])
    assert not found, "\n".join([f"kernels of {provider} in onnxruntime {onnxruntime.__version__}; {REMEDY}:", *found])


def test_its_operators_are_those_of_the_installed_onnxruntime() -> None:
    installed = read().operators
    found = changes("operators", installed)
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        found = [line for line in found if line.startswith("+")]  # those with a kernel in CUDA alone are not found
    assert not found, "\n".join([f"operators of onnxruntime {onnxruntime.__version__}; {REMEDY}:", *found])


def test_a_kernel_that_is_gone_and_one_that_is_new_are_told() -> None:
    provider = "CPUExecutionProvider"
    installed = [row for row in map(tuple, rows(provider)) if row[:3] != ("ai.onnx", "Relu", "14-")]
    installed.append(("ai.onnx", "Relu", "14-25", "T: float32"))
    relu = next(row for row in map(tuple, rows(provider)) if row[:3] == ("ai.onnx", "Relu", "14-"))
    assert changes(provider, installed) == [f"- {', '.join(relu)}", "+ ai.onnx, Relu, 14-25, T: float32"]


def test_kernels_that_differ_in_one_type_are_one_row() -> None:
    def types(**given: str) -> registry.Types:
        return {key: frozenset(names.split()) for key, names in given.items()}

    one = [types(T="float32", I="int64"), types(T="float16", I="int64"), types(T="float32", I="int32")]
    assert registry.merged(one) in (
        [types(T="float32", I="int32 int64"), types(T="float16", I="int64")],
        [types(T="float16", I="int64"), types(T="float32", I="int32 int64")],
    )
    assert registry.merged([types(T="float32", U="float32"), types(T="float16", U="float16")]) == [
        types(T="float32", U="float32"),
        types(T="float16", U="float16"),
    ]
