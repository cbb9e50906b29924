"""What ``test_standins`` asks of CUDA, in a process of its own; it gives JSON data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from archc.measurement.bench import Plan, bench
from archc.measurement.binding import Bound
from archc.measurement.peaks import COPY, measure_peaks
from archc.measurement.subject import Subject
from archc.measurement.tuning.tune import Request, profile_of, tune
from archc.runtime.devices import DeviceError
from archc.runtime.session import CudaSettings, Session, Settings, open_session
from tests.runtime.test_session import sized

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


def benched(folder: str) -> dict[str, Any]:
    """What ``archc bench`` has of a model that gives outputs of sizes that it does not say."""
    COPY["cuda"] = 4096
    model = Path(folder) / "model.onnx"
    model.write_bytes(sized())
    found = bench(Subject("sized", model, None), Plan("cuda", sizes={None: (2, 4, 4)}, rounds=1))
    return {"failed": found.failed, "errors": {row.kind: row.error for row in found.rows}}


def broken() -> str:
    """What is raised where CUDA fails as a model is timed: the stand-ins have no kernel that counts."""
    x, y = (
        helper.make_tensor_value_info(*side)
        for side in (("x", TensorProto.FLOAT, [3]), ("y", TensorProto.INT64, [1, None]))
    )
    graph = helper.make_graph([helper.make_node("NonZero", ["x"], ["y"], name="node")], "asked", [x], [y])
    data = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10).SerializeToString()
    try:
        Bound(open_session(data, device="cuda"), {"x": np.ones(3, np.float32)})()
    except DeviceError as e:
        return e.message
    return "nothing"


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
