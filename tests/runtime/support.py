"""Small models, made with onnx alone, and machines that are not there."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from archc.runtime.driver import Driver, Gpu
from archc.runtime.environment import Environment, Package
from archc.runtime.libraries import Library

FLOAT, HALF, BFLOAT16, UINT8, INT64 = (
    onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16, onnx.TensorProto.UINT8,
    onnx.TensorProto.INT64,
)  # fmt: skip

Side = Mapping[str, tuple[int, Sequence[int | str | None]]]


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Side,
    outputs: Side,
    weights: Mapping[str, np.ndarray] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """A model of these nodes; inputs and outputs are name → (type, shape)."""
    sides = [
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in side.items()]
        for side in (inputs, outputs)
    ]
    kept = [numpy_helper.from_array(value, name) for name, value in (weights or {}).items()]
    graph = helper.make_graph(list(nodes), "g", *sides, kept)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(made, dict(metadata or {}))
    return made.SerializeToString()


def channel_means(
    channels: int = 3, size: Sequence[int | str] = (8, 8), metadata: Mapping[str, str] | None = None,
    batch: int | str = "N", kind: int = FLOAT,
) -> bytes:  # fmt: skip
    """A classifier whose logits are the means of the input's channels."""
    nodes = [helper.make_node("ReduceMean", ["x", "axes"], ["logits"], name="mean", keepdims=0)]
    shape = [batch, channels, *size]
    axes = {"axes": np.array([2, 3], np.int64)}
    return model(nodes, {"x": (kind, shape)}, {"logits": (kind, [batch, channels])}, axes, metadata)


def written(folder: Path, data: bytes, name: str = "net.onnx") -> Path:
    """The model as a file."""
    path = folder / name
    path.write_bytes(data)
    return path


class FakeDriver:
    """libcuda with these GPUs; ``fails`` is function → the error code that it gives."""

    def __init__(self, gpus: Sequence[Gpu] = (), cuda: int = 13000, fails: Mapping[str, int] | None = None) -> None:
        self._gpus, self._cuda, self._fails = gpus, cuda, fails or {}

    def __getattr__(self, name: str) -> Callable[..., int]:
        if not name.startswith("cu"):
            raise AttributeError(name)
        return lambda *args: self._fails.get(name, 0) or getattr(self, f"_{name}")(*args) or 0

    def _cuInit(self, flags: int) -> None:  # noqa: N802
        assert flags == 0

    def _cuDriverGetVersion(self, out: Any) -> None:  # noqa: N802
        out._obj.value = self._cuda

    def _cuDeviceGetCount(self, out: Any) -> None:  # noqa: N802
        out._obj.value = len(self._gpus)

    def _cuDeviceGet(self, out: Any, index: int) -> None:  # noqa: N802
        out._obj.value = index

    def _cuDeviceGetName(self, buffer: Any, size: int, device: int) -> None:  # noqa: N802
        buffer.value = self._gpus[device].name.encode()[: size - 1]

    def _cuDeviceTotalMem_v2(self, out: Any, device: int) -> None:  # noqa: N802
        out._obj.value = self._gpus[device].memory

    def _cuDeviceGetAttribute(self, out: Any, attribute: int, device: int) -> None:  # noqa: N802
        out._obj.value = self._gpus[device].capability[{75: 0, 76: 1}[attribute]]

    def _cuGetErrorString(self, code: int, out: Any) -> None:  # noqa: N802
        out._obj.value = ctypes.c_char_p(f"meaning of {code}".encode()).value


def loader(present: Mapping[str, Any]) -> Callable[[str], Any]:
    """Loads what is present; says of all else what glibc says."""

    def load(name: str) -> Any:
        if name not in present:
            raise OSError(f"{name}: cannot open shared object file: No such file or directory")
        return present[name]

    return load


H100 = Gpu("NVIDIA H100 80GB HBM3", 80 * 2**30, (9, 0))
PACKAGE = Package("1.31.1", "13.0", Path("/somewhere/libonnxruntime_providers_cuda.so"), ())
WORKING = Environment(
    wheels={"onnxruntime-gpu": "1.31.1"},
    package=PACKAGE,
    libraries=(
        Library("cuBLAS", "libcublas.so.13", required=True, path="/wheels/libcublas.so.13"),
        Library("CUDA runtime", "libcudart.so.13", required=True, version="13.0"),
        Library("cuDNN", "libcudnn.so.9", required=True, purpose="convolutions", version="9.24.1"),
        Library("cuFFT", "libcufft.so.12", required=False, purpose="Fourier transforms", problem="is not found"),
    ),
    driver=Driver((13, 0), "580.65.06", (H100,)),
)
BARE = Environment(
    wheels={"onnxruntime-gpu": "1.31.1"},
    package=PACKAGE,
    libraries=(
        Library("cuBLAS", "libcublas.so.13", required=True, problem="is not found"),
        Library("cuDNN", "libcudnn.so.9", required=True, purpose="convolutions", problem="is not found"),
        Library("cuFFT", "libcufft.so.12", required=False, purpose="Fourier transforms", problem="is not found"),
    ),
    driver=None,
    driver_problem="libcuda.so.1 is not found",
)
