"""What this machine can do at most: a big matrix product and a big copy, by onnxruntime on the device itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
import onnx
from onnx import helper, numpy_helper

from archc.measurement.binding import Bound
from archc.measurement.interleave import Runner
from archc.runtime.devices import CPU, CUDA
from archc.runtime.session import Settings, open_session

_OPSET, _IR = 17, 8  # the oldest that has all that is needed: any onnxruntime takes it
_KINDS = {
    "fp32": onnx.TensorProto.FLOAT,
    "fp64": onnx.TensorProto.DOUBLE,
    "fp16": onnx.TensorProto.FLOAT16,
    "bf16": onnx.TensorProto.BFLOAT16,
}

# Rows of square matrices: large enough to keep the device busy, small enough for its memory. The best counts.
SIZES = {CPU: (1024, 2048), CUDA: (4096, 8192)}
COPY = {CPU: 256 * 2**20, CUDA: 2**30}  # bytes; more than any cache holds


@dataclass(frozen=True, slots=True)
class Peaks:
    """FLOP/s by precision (``fp32``, ``fp16``, ``bf16``, ``int8``; a multiply-add is two), and bytes/s of a copy."""

    flops: Mapping[str, float]
    bandwidth: float

    def best(self, other: Peaks) -> Peaks:
        """The better of each figure; both have the same precisions."""
        flops = {name: max(value, other.flops[name]) for name, value in self.flops.items()}
        return Peaks(flops, max(self.bandwidth, other.bandwidth))


def measure_peaks(
    device: str, precisions: Sequence[str], settings: Settings | None = None, *,
    sizes: Sequence[int] | None = None, copy: int | None = None, seconds: float = 1.0,
) -> Peaks:  # fmt: skip
    """The best that is seen of matrix products of each precision, and of a copy, with the threads of ``settings``.

    ``sizes`` are the rows of the square matrices, ``copy`` the bytes that are read and written anew, ``seconds`` how
    long each is tried. Raises DeviceError where the device is not there.
    """
    plain = _plain(settings or Settings())
    flops = {
        precision: max(_product(device, precision, size, plain, seconds) for size in sizes or SIZES[device])
        for precision in precisions
    }
    return Peaks(flops, max(_copy(device, op, copy or COPY[device], plain, seconds) for op in ("Identity", "Neg")))


def _plain(settings: Settings) -> Settings:
    """Graphs are for many small kernels, and the graph of one op must stay as it is."""
    cuda = replace(settings.cuda, enable_cuda_graph=None)
    return replace(settings, cuda=cuda, graph_optimization="disabled")


def _product(device: str, precision: str, size: int, settings: Settings, seconds: float) -> float:
    model = product_model(precision, size, device)
    session = open_session(model, device=device, settings=settings)
    rng = np.random.default_rng(0)
    if precision == "int8":
        x = rng.integers(0, 128, (size, size)).astype(session.inputs["x"].dtype)
    else:
        kind = np.float32 if precision == "bf16" else helper.tensor_dtype_to_np_dtype(_KINDS[precision])
        x = (rng.random((size, size), np.float32) - 0.5).astype(kind)
    return 2 * size**3 / _best(Bound(session, {"x": x}), seconds)


def _copy(device: str, op: str, size: int, settings: Settings, seconds: float) -> float:
    """A copy by one thread can be faster than arithmetic by several, or slower: both are tried."""
    session = open_session(copy_model(op), device=device, settings=settings)
    return 2 * size / _best(Bound(session, {"x": np.ones(size // 4, np.float32)}), seconds)


def _best(run: Runner, seconds: float) -> float:
    """The least time of a call, of as many as take so long together."""
    run()
    run()
    best, spent = math.inf, 0.0
    while spent == 0.0 or spent < seconds:
        start = perf_counter()
        run()
        took = perf_counter() - start
        best, spent = min(best, took), spent + took
    return best


def product_model(precision: str, size: int, device: str = CPU) -> bytes:
    """``y = x @ w`` of square matrices; ``w`` is in the model, as weights are.

    int8 is u8 by s8 on the CPU, since x86 has no faster, and s8 by s8 on CUDA, which has no other.
    """
    rng = np.random.default_rng(1)
    if precision == "int8":
        w = numpy_helper.from_array(rng.integers(-127, 128, (size, size), np.int8), "w")
        given = onnx.TensorProto.UINT8 if device == CPU else onnx.TensorProto.INT8
        return _model("MatMulInteger", given, onnx.TensorProto.INT32, [size, size], w)
    kind = _KINDS[precision]
    values = (rng.random((size, size), np.float32) - 0.5).astype(helper.tensor_dtype_to_np_dtype(kind))
    w = onnx.TensorProto(name="w", dims=[size, size], data_type=kind, raw_data=values.tobytes())
    return _model("MatMul", kind, kind, [size, size], w)


def copy_model(op: str) -> bytes:
    """``y = op(x)`` of a vector of fp32."""
    return _model(op, onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT, ["n"])


def _model(op: str, given: int, made: int, shape: Sequence[int | str], *weights: onnx.TensorProto) -> bytes:
    graph = helper.make_graph(
        [helper.make_node(op, ["x", *(w.name for w in weights)], ["y"], name=op)],
        op,
        [helper.make_tensor_value_info("x", given, shape)],
        [helper.make_tensor_value_info("y", made, shape)],
        list(weights),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)
    return model.SerializeToString()
