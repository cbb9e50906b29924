"""What ``test_standins`` asks of CUDA, in a process of its own; it gives JSON data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from archc.measurement.binding import Bound
from archc.measurement.peaks import measure_peaks
from archc.measurement.tuning.tune import Request, profile_of, tune
from archc.runtime.session import CudaSettings, Session, Settings, open_session

DTYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "bfloat16": TensorProto.BFLOAT16}
WIDTH = 8


def copied(dtype: str) -> dict[str, Any]:
    """What comes of numbers, by a model that copies."""
    session = _session(dtype, "Identity")
    x = _numbers(dtype, 3)
    bound = Bound(session, {"x": x})
    bound()
    found = {"given": x, "bound": bound.outputs()["y"], "run": session.run({"x": x})["y"]}
    return {name: array.astype(np.float64).tolist() for name, array in found.items()}


def replayed(dtype: str) -> dict[str, Any]:
    """The shapes of what runs by graphs give, and how many graphs there are of a session that ran on two shapes."""
    session = _session(dtype, "Relu", CudaSettings(enable_cuda_graph=True))
    shapes = [session.run({"x": _numbers(dtype, batch)})["y"].shape for batch in (2, 3, 2)]
    bound = Bound(_session(dtype, "Relu", CudaSettings(enable_cuda_graph=True)), {"x": _numbers(dtype, 2)})
    for _ in range(3):
        bound()
    return {"run": shapes, "bound": bound.outputs()["y"].shape, "captured": len(session._graphs._known)}


def tuned(folder: str) -> dict[str, Any]:
    """What ``archc tune`` measured."""
    model = Path(folder) / "model.onnx"
    model.write_bytes(_model("float32", "Relu"))
    request = Request(model, "cuda", 2, allow_tf32=True, rounds=8)
    return dict(profile_of(request, tune(request)).measured)


def options() -> list[Any]:
    """All options as they are given, and as the provider has them then."""
    settings = CudaSettings(
        prefer_nhwc=True, fuse_conv_bias=True, cudnn_conv_algo_search="HEURISTIC", use_tf32=False,
        cudnn_conv_use_max_workspace=False, cudnn_conv1d_pad_to_nc1d=True, enable_cuda_graph=True,
        gpu_mem_limit=1 << 30, arena_extend_strategy="kSameAsRequested",
    )  # fmt: skip
    taken = _session("float32", "Relu", settings).raw.get_provider_options()
    return [settings.options(), taken["CUDAExecutionProvider"]]


def peaks() -> list[str]:
    """The precisions of which a peak was measured."""
    wanted = ["fp32", "fp16", "bf16", "fp64", "int8"]
    return list(measure_peaks("cuda", wanted, sizes=[64], copy=4096, seconds=0.0).flops)


def _session(dtype: str, op: str, cuda: CudaSettings | None = None) -> Session:
    return open_session(_model(dtype, op), device="cuda", settings=Settings(cuda=cuda or CudaSettings()))


def _model(dtype: str, op: str) -> bytes:
    sides = (helper.make_tensor_value_info(name, DTYPES[dtype], ["N", WIDTH]) for name in ("x", "y"))
    x, y = sides
    graph = helper.make_graph([helper.make_node(op, ["x"], ["y"], name="node")], "asked", [x], [y])
    opsets = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()


def _numbers(dtype: str, batch: int) -> Any:
    """Such as all types hold exactly."""
    made = np.arange(batch * WIDTH, dtype=np.float32).reshape(batch, WIDTH) - WIDTH
    return made.astype(np.float16 if dtype == "float16" else np.float32)
