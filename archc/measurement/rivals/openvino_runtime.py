"""OpenVINO on the CPU, from the same ONNX file.

https://docs.openvino.ai/2025/openvino-workflow/running-inference/optimize-inference/high-level-performance-hints.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import openvino

from archc.measurement.inputs import Array
from archc.measurement.rivals.base import Candidate, Case, RivalError
from archc.runtime.devices import CPU

_core: Any = openvino


def candidates(case: Case) -> list[Candidate]:
    """With the hint for latency, at the shapes of the case, and in fp32 where it would take bf16 by itself."""
    if case.device != CPU:
        raise RivalError("OpenVINO runs on the CPU, not on CUDA")
    options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": case.threads}
    if case.precision in ("fp32", "int8"):
        options["INFERENCE_PRECISION_HINT"] = "f32"
    try:
        core = _core.Core()
        model = core.read_model(str(case.subject.model))
        model.reshape({name: list(shape) for name, shape in case.shapes.items()})
        request = core.compile_model(model, "CPU", options).create_infer_request()
        for name, array in case.inputs.items():
            request.set_tensor(name, _core.Tensor(array, shared_memory=True))
    except Exception as e:
        raise RivalError(f"OpenVINO does not take the model: {next(iter(str(e).splitlines()), '')}") from e

    def outputs() -> Mapping[str, Array]:
        return {name: request.get_tensor(name).data.copy() for name in case.outputs}

    return [Candidate("openvino", "openvino", case.precision, request.infer, outputs)]
