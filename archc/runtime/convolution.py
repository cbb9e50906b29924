"""One real convolution on a device, checked against the sum that it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from archc.runtime.session import open_session

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TOLERANCE = 1e-3  # of the largest value: CUDA may multiply in TF32, whose mantissa has 10 bits


def convolve(device: str) -> str | None:
    """What is wrong with a 3 × 3 convolution of 8 to 16 channels on ``device``; None where its numbers are right.

    Raises DeviceError and ModelError.
    """
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(shape).astype(np.float32) for shape in ((2, 8, 14, 14), (16, 8, 3, 3)))
    got = open_session(_model(w), device=device).run({"x": x})["y"]
    return difference(got, expected(x, w))


def difference(got: NDArray[Any], wanted: NDArray[Any]) -> str | None:
    """How far apart two arrays are, if that is more than rounding can explain."""
    error = float(np.abs(got - wanted).max() / np.abs(wanted).max())
    return None if error < _TOLERANCE else f"the numbers of a convolution are wrong by {error:.2g} of the largest"


def expected(x: NDArray[Any], w: NDArray[Any]) -> NDArray[np.float64]:
    """The convolution with padding 1, in float64, as the sum over the kernel's places."""
    height, width = x.shape[2:]
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    result = np.zeros((len(x), len(w), height, width))
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            result += np.einsum("nchw,oc->nohw", padded[:, :, i : i + height, j : j + width], w[:, :, i, j])
    return result


def _model(w: NDArray[np.float32]) -> bytes:
    import onnx
    from onnx import helper, numpy_helper

    def image(name: str, channels: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", channels, None, None])

    node = helper.make_node("Conv", ["x", "w"], ["y"], name="conv", pads=[1, 1, 1, 1])
    weight = numpy_helper.from_array(w, "w")
    graph = helper.make_graph([node], "convolution", [image("x", w.shape[1])], [image("y", len(w))], [weight])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return made.SerializeToString()
