"""The least time of a workload: what it computes at the peak, or what it moves at the bandwidth."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from archc.measurement.peaks import Peaks, copy_model, measure_peaks, product_model
from archc.measurement.roofline import roofline
from archc.measurement.workload import Kernel, Workload
from archc.runtime.session import Settings

PEAKS = Peaks({"fp32": 100.0, "int8": 400.0}, bandwidth=10.0)


def test_each_kernel_takes_the_longer_of_the_two() -> None:
    kernels = (
        Kernel("conv", ("Conv",), 500, 1000, 20, "fp32"),  # 10 s to compute, 2 s to move
        Kernel("quick", ("Conv",), 500, 1000, 20, "int8"),  # 2.5 s and 2 s
        Kernel("pool", ("MaxPool",), 0, 1000, 50, None),  # no peak is measured for it: 5 s
    )
    found = roofline(Workload(kernels, ends=30, unknown=()), PEAKS)
    assert found.kernels == 17.5
    assert found.whole == 12.5  # against 3 s for inputs, outputs and weights
    assert found.memory_bound == pytest.approx(5 / 17.5)


def test_a_whole_that_moves_more_than_it_computes() -> None:
    kernel = Kernel("fc", ("Gemm",), 5, 10, 1000, "fp32")
    found = roofline(Workload((kernel,), ends=1000, unknown=()), PEAKS)
    assert (found.kernels, found.whole, found.memory_bound) == (100.0, 100.0, 1.0)


def test_nothing_to_do_takes_no_time() -> None:
    found = roofline(Workload((), 0, ()), PEAKS)
    assert (found.kernels, found.whole, found.memory_bound) == (0.0, 0.0, 0.0)


def test_peaks_are_measured_at_the_precisions_asked_for() -> None:
    settings = Settings(intra_op_threads=1)
    found = measure_peaks("cpu", ["fp32", "int8"], settings, sizes=[64, 128], copy=2**20, seconds=0.01)
    assert list(found.flops) == ["fp32", "int8"]
    assert all(value > 1e6 for value in (*found.flops.values(), found.bandwidth))


def test_of_two_measurements_the_better_counts() -> None:
    other = Peaks({"fp32": 90.0, "int8": 500.0}, bandwidth=11.0)
    assert PEAKS.best(other) == Peaks({"fp32": 100.0, "int8": 500.0}, 11.0)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_what_is_timed_is_a_product(precision: str) -> None:
    proto = onnx.ModelProto.FromString(product_model(precision, 8))
    kind = {"fp32": np.float32, "int8": np.uint8}[precision]
    x = np.arange(64).reshape(8, 8).astype(kind)
    w = onnx.numpy_helper.to_array(proto.graph.initializer[0])
    (y,) = ReferenceEvaluator(proto).run(None, {"x": x})
    assert np.allclose(y, x.astype(np.float64) @ w.astype(np.float64), rtol=1e-5)


def test_what_is_timed_is_a_copy() -> None:
    proto = onnx.ModelProto.FromString(copy_model("Identity"))
    x = np.arange(5, dtype=np.float32)
    assert np.array_equal(ReferenceEvaluator(proto).run(None, {"x": x})[0], x)
