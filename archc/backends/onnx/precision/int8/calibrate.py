"""The ranges of activations, from what they are on samples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from archc.backends.onnx.precision.evaluate import Sample, observe
from archc.backends.onnx.precision.int8.ranges import METHODS, Bounds, Histogram, Range
from archc.backends.onnx.program import Program
from archc.diagnostics.diagnostic import RequestError


def calibrate(program: Program, tensors: Sequence[str], samples: Iterable[Sample], method: str) -> dict[str, Range]:
    """The range of each tensor by one of ``METHODS``.

    Samples are gone through once for the bounds, and once more where the method needs a histogram between them. Raises
    RequestError where an activation is infinite or no number.
    """
    bounds = {tensor: Bounds() for tensor in tensors}
    inputs = [tensor for tensor in tensors if tensor in program.inputs]
    inner = [tensor for tensor in tensors if tensor not in program.inputs]
    for sample in samples:
        for tensor in inputs:
            bounds[tensor].see(sample[tensor])
    for tensor, x in observe(program, inner, samples):
        bounds[tensor].see(x)
        if not bounds[tensor].finite:
            raise RequestError(
                f"calibration: `{tensor}` is {_what(x)} on a sample",
                "the network's own numbers overflow there: are weights and preprocessing the right ones?",
            )
    if method == "minmax":
        return {tensor: seen.range for tensor, seen in bounds.items()}
    histograms = {tensor: Histogram(seen.range) for tensor, seen in bounds.items()}
    for sample in samples:
        for tensor in inputs:
            histograms[tensor].see(sample[tensor])
    for tensor, x in observe(program, inner, samples):
        histograms[tensor].see(x)
    return {tensor: METHODS[method](histogram) for tensor, histogram in histograms.items()}


def _what(x: object) -> str:
    return "not a number" if np.isnan(np.asarray(x)).any() else "infinite"
