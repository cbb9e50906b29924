"""A session whose inputs and outputs lie on its device, so that a run copies nothing but what the model computes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from archc.measurement.inputs import Array, Shape
from archc.runtime.binding import copied
from archc.runtime.devices import CPU
from archc.runtime.errors import ModelError
from archc.runtime.ort import TensorInfo, ort
from archc.runtime.session import Session
from archc.runtime.tensors import BFLOAT16, ONNX_BFLOAT16, array_of, ort_value


class Bound:
    """A runner: a call runs the model once, and comes back when its outputs are there.

    Buffers are made once and stay where they are, as CUDA graphs need them; the first call captures where the session
    asks for these. https://onnxruntime.ai/docs/api/python/api_summary.html#data-on-device
    """

    def __init__(self, session: Session, inputs: Mapping[str, Array]) -> None:
        self.session = session
        self._device, self._id = session.device, session.settings.cuda.device_id if session.device != CPU else 0
        self._binding: Any = session.raw.io_binding()
        self._inputs = {name: self._placed(array, session.inputs[name]) for name, array in inputs.items()}
        for name, value in self._inputs.items():
            self._binding.bind_ortvalue_input(name, value)
        self._bind_outputs(output_shapes(session, {name: array.shape for name, array in inputs.items()}))
        self._binding.synchronize_inputs()

    def __call__(self) -> None:
        """Raises ModelError where the model fails, and DeviceError where CUDA does."""
        try:
            self.session.raw.run_with_iobinding(self._binding)
            self._binding.synchronize_outputs()
        except Exception as e:  # onnxruntime's classes derive from Exception alone
            raise self.session.failure(e) from e

    def outputs(self) -> dict[str, Array]:
        """Copies of what the last call computed; bfloat16 as float32."""
        values = zip(self.session.outputs.items(), self._binding.get_outputs(), strict=True)
        return {name: array_of(copied(value, CPU), info) for (name, info), value in values}

    def _placed(self, array: Array, info: TensorInfo) -> Any:
        host = ort_value(ort, array, info)
        return host if self._device == CPU else copied(host, self._device, self._id)

    def _bind_outputs(self, shapes: Mapping[str, Shape | None]) -> None:
        """To buffers of our own; where a shape is not known before the run, to onnxruntime's."""
        for name, shape in shapes.items():
            if shape is None:
                self._binding.bind_output(name, self._device, self._id)
            else:
                self._binding.bind_ortvalue_output(name, self._buffer(name, shape))

    def _buffer(self, name: str, shape: Shape) -> Any:
        dtype = self.session.outputs[name].dtype
        kind: Any = ONNX_BFLOAT16 if dtype == BFLOAT16 else np.dtype(dtype).type
        return ort.OrtValue.ortvalue_from_shape_and_type(list(shape), kind, self._device, self._id)


def output_shapes(session: Session, inputs: Mapping[str, Shape]) -> dict[str, Shape | None]:
    """Of outputs for inputs of these shapes, from the sizes that the model names; None where it does not say.

    Raises ModelError where CUDA graphs are asked for and a shape is not known: they need their buffers first.
    """
    sizes: dict[object, int] = {}
    for name, shape in inputs.items():
        sizes |= {size: n for size, n in zip(session.inputs[name].shape, shape, strict=True) if isinstance(size, str)}
    found: dict[str, Shape | None] = {}
    for name, info in session.outputs.items():
        shape = [size if isinstance(size, int) else sizes.get(size) for size in info.shape]
        found[name] = None if None in shape else tuple(n for n in shape if n is not None)
        if found[name] is None and session.settings.cuda.enable_cuda_graph:
            raise ModelError(f"CUDA graphs need the shape of output {name!r}, and the model does not say it")
    return found
