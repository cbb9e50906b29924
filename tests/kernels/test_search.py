"""Which kernels are found, and what is said of those that are not."""

from __future__ import annotations

import pytest

from archc.runtime import kernels
from archc.runtime.kernels import Use, missing, supports

CPU, CUDA = kernels.PROVIDERS


@pytest.mark.parametrize(
    ("op", "opset", "dtype", "cpu", "cuda"),
    [
        ("Conv", 18, "float32", True, True),
        ("Conv", 18, "float16", False, True),
        ("Conv", 18, "bfloat16", False, False),
        ("Conv", 22, "bfloat16", False, True),
        ("MaxPool", 18, "float32", True, True),
        ("MaxPool", 22, "float32", True, False),  # CUDA's is of opset 12, and for no later version
        ("InstanceNormalization", 22, "float32", True, False),
        ("GroupNormalization", 21, "float32", False, False),
        ("Gelu", 18, "float32", False, False),  # not yet an operator
        ("Gelu", 20, "float32", True, True),
        ("NoSuchOperator", 18, "float32", False, False),
    ],
)
def test_kernels_are_found_by_version_and_type(op: str, opset: int, dtype: str, cpu: bool, cuda: bool) -> None:
    assert (supports(CPU, op, opset, dtype), supports(CUDA, op, opset, dtype)) == (cpu, cuda)


def test_types_may_be_given_by_parameter() -> None:
    half = {"T": "float16", "T1": "float16", "T2": "float16"}
    assert supports(CUDA, "BatchNormalization", 18, half)
    assert not supports(CUDA, "BatchNormalization", 18, {**half, "T1": "float32"})
    assert supports(CUDA, "QuantizeLinear", 18, {"T1": "float32", "T2": "uint8"})
    assert not supports(CUDA, "QuantizeLinear", 18, {"T1": "float32", "T2": "uint16"})


def test_other_domains() -> None:
    assert supports(CUDA, "Conv", 18, "float16", "com.ms.internal.nhwc")
    assert supports(CPU, "Gelu", 1, "float32", "com.microsoft")
    assert not supports(CPU, "Conv", 18, "float32", "com.example")


def test_an_unknown_provider_is_an_error() -> None:
    with pytest.raises(ValueError, match="no table of `CUDA`; there are CPUExecutionProvider, CUDAExecutionProvider"):
        supports("CUDA", "Conv", 18, "float32")


@pytest.mark.parametrize(
    ("opset", "use", "reason"),
    [
        (18, Use("Conv", ("float16", "float16", None), ("float16",)), None),
        (18, Use("Concat", ("float16",) * 5, ("float16",)), None),
        (
            22,
            Use("MaxPool", ("float32",), ("float32",), name="pool"),
            "`pool`: MaxPool of opset 22 has no kernel in CUDAExecutionProvider, which has 1 to 7, 8 to 9, 10, 11, 12",
        ),
        (
            18,
            Use("Conv", ("bfloat16", "bfloat16"), ("bfloat16",)),
            "Conv of bfloat16 has no kernel in CUDAExecutionProvider, which has float16/float32/float64",
        ),
        (
            21,
            Use("GroupNormalization", ("float32",) * 3, ("float32",)),
            "GroupNormalization has no kernel in CUDAExecutionProvider (it falls into the operators that define it)",
        ),
        (18, Use("NoSuchOperator", ("float32",)), "NoSuchOperator has no kernel in CUDAExecutionProvider"),
    ],
)
def test_what_is_missing_is_told_with_its_reason(opset: int, use: Use, reason: str | None) -> None:
    assert [str(found) for found in missing(CUDA, {"": opset}, [use])] == ([] if reason is None else [reason])


def test_the_types_of_all_inputs_count() -> None:
    gather = Use("Gather", ("float32", "float32"), ("float32",))
    assert "Gather of float32, float32 has no kernel" in str(missing(CPU, {"": 18}, [gather])[0])


def test_the_table_says_what_it_was_made_from() -> None:
    assert kernels.version().count(".") == 2
