"""Arrays to what a model takes, and back: names, types and sizes are checked before onnxruntime sees them.

numpy has no bfloat16. A model's bfloat16 inputs take float32 arrays, rounded to the nearest; its bfloat16 outputs come
as float32, which holds them exactly.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from archc.display.names import listed
from archc.runtime.errors import ModelError
from archc.runtime.sizes import fits, shape_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from archc.runtime.ort import TensorInfo

BFLOAT16 = "bfloat16"
ONNX_BFLOAT16 = 16  # TensorProto.BFLOAT16, which numpy has no name for


def check(given: Mapping[str, Any], inputs: Mapping[str, TensorInfo]) -> dict[str, NDArray[Any]]:
    """The arrays, as they are. Raises ModelError where a name, a type or a size is not the model's."""
    if missing := [name for name in inputs if name not in given]:
        raise ModelError(f"the model's {_inputs(missing)} {'is' if len(missing) == 1 else 'are'} not given")
    if unknown := [name for name in given if name not in inputs]:
        raise ModelError(f"the model has no {_inputs(unknown)}", f"it takes {listed(list(inputs))}")
    arrays = {name: np.asarray(value) for name, value in given.items()}
    for name, array in arrays.items():
        _check_one(name, array, inputs[name])
    _check_shared(arrays, inputs)
    return arrays


def _check_one(name: str, array: NDArray[Any], info: TensorInfo) -> None:
    wanted = "float32" if info.dtype == BFLOAT16 else info.dtype
    if array.dtype.name != wanted:
        raise ModelError(f"input `{name}` takes {info.dtype}, and is given {array.dtype}")
    if not fits(array.shape, info.shape):
        raise ModelError(f"input `{name}` is {shape_text(info.shape)}, and is given {shape_text(array.shape)}")


def _check_shared(arrays: Mapping[str, NDArray[Any]], inputs: Mapping[str, TensorInfo]) -> None:
    """A size that has one name is one size."""
    seen: dict[str, tuple[str, int]] = {}
    for name, array in arrays.items():
        for want, size in zip(inputs[name].shape, array.shape, strict=True):
            if not isinstance(want, str):
                continue
            first, other = seen.setdefault(want, (name, size))
            if other != size:
                raise ModelError(f"size {want} is {other} in `{first}` and {size} in `{name}`")


def numpy_type(dtype: str) -> np.dtype[Any]:
    """That of arrays for inputs of this type. Raises ModelError for text, and for numbers that numpy has not."""
    try:
        return np.dtype("float32" if dtype == BFLOAT16 else dtype)
    except TypeError as e:
        raise ModelError(f"the model takes {dtype}, which arrays can't be given as") from e


def random_array(rng: np.random.Generator, shape: Sequence[int], dtype: str) -> NDArray[Any]:
    """Normal numbers, or all that a byte can be from 0 on; of other integers and booleans 0 and 1.

    Larger integers might be indices, which these two are. bfloat16 is given as float32, as sessions take it.
    Raises ModelError as ``numpy_type`` does.
    """
    kind = numpy_type(dtype)
    if kind.kind == "f":
        return rng.standard_normal(shape, np.float32).astype(kind)
    return rng.integers(0, {"uint8": 256, "int8": 128}.get(dtype, 2), shape).astype(kind)


def to_bfloat16(array: NDArray[Any]) -> NDArray[Any]:
    """The upper half of float32's bits, rounded to nearest, ties to even; as uint16. A NaN stays one."""
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32)
    ties = bits >> np.uint32(16) & np.uint32(1)
    rounded = (bits.astype(np.uint64) + ties + np.uint64(0x7FFF)) >> np.uint64(16)
    rounded[np.isnan(array)] = 0x7FC0
    return rounded.astype(np.uint16)


def from_bfloat16(bits: NDArray[Any]) -> NDArray[Any]:
    """float32 of the same value."""
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


def ort_value(ort: Any, array: NDArray[Any], info: TensorInfo) -> Any:
    """The array as an OrtValue of the input's type."""
    if info.dtype == BFLOAT16:
        return ort.OrtValue.ortvalue_from_numpy_with_onnx_type(to_bfloat16(array), ONNX_BFLOAT16)
    return ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array))


def array_of(value: Any, info: TensorInfo) -> NDArray[Any]:
    """An output in the CPU's memory as an array."""
    if info.dtype != BFLOAT16:
        return np.asarray(value.numpy())
    size = value.tensor_size_in_bytes() // 2
    if size == 0:
        return np.zeros(tuple(value.shape()), np.float32)
    bits = np.frombuffer((ctypes.c_uint16 * size).from_address(value.data_ptr()), np.uint16)
    return from_bfloat16(bits).reshape(value.shape())


def _inputs(names: list[str]) -> str:
    return f"input{'' if len(names) == 1 else 's'} {listed(names)}"
