"""What an ONNX model computes and moves: FLOPs and bytes, kernel by kernel, read from the model itself."""

from __future__ import annotations

from archc.measurement.workload.count import Kernel, Workload, workload

__all__ = ["Kernel", "Workload", "workload"]
