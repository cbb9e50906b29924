"""Programs in 8-bit integers for these tests, and what onnxruntime makes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime as ort

from archc.backends.onnx.calibration import Calibration
from archc.backends.onnx.model import model_of
from archc.backends.onnx.passes.base import run_on_program
from archc.backends.onnx.precision.errors import Loss
from archc.backends.onnx.precision.int8.insert import insert
from archc.backends.onnx.precision.int8.numbers import WEIGHT_LIMIT, Quantizer
from archc.backends.onnx.precision.int8.plan import plan
from archc.backends.onnx.precision.int8.quantize import QuantizeInt8
from archc.backends.onnx.precision.int8.ranges import Range
from archc.backends.onnx.precision.int8.report import Int8Report
from archc.backends.onnx.program import Program
from tests.passes.nets import Array


def sqnr(exact: Array, found: Array) -> float:
    """Signal to quantisation noise in dB."""
    loss = Loss()
    loss.see(exact, found)
    return loss.sqnr


def rounded(program: Program, ranges: Mapping[str, tuple[float, float]], limit: int = WEIGHT_LIMIT) -> Program:
    """The program in integers, its activations having these ranges."""
    made = plan(program)
    assert set(made.observed()) == set(ranges)
    insert(made, {tensor: Quantizer.of(Range(*range)) for tensor, range in ranges.items()}, limit)
    program.settle()
    return program


def quantized(
    program: Program, folder: Path, x: Array | None = None, keep: Sequence[str] = (), method: str = "minmax"
) -> Int8Report:
    """Calibrated on ``x``, or on normal numbers; the program is rewritten in place."""
    shape = [8, *(int(size) for size in program.inputs["x"].shape[1:])]
    np.save(folder / "x.npy", np.random.default_rng(5).standard_normal(shape, np.float32) if x is None else x)
    one = QuantizeInt8(Calibration(str(folder / "x.npy"), method), {}, keep)
    run_on_program(one, program)
    assert isinstance(one.report, Int8Report)
    return one.report


def kernels(program: Program) -> Counter[str]:
    """The ops that onnxruntime runs for it on this CPU."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "optimised.onnx"
        options = ort.SessionOptions()
        options.optimized_model_filepath = str(path)
        options.log_severity_level = 3
        proto = model_of(program, "net").proto()
        ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return Counter(node.op_type for node in onnx.load(path).graph.node)
