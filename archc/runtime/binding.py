"""Runs that a CUDA graph replays: what was captured reads and writes the same memory each time.

https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html, "Using CUDA Graphs". A run on other memory
would replay on the old one, so inputs are copied into buffers of ours, and there is a graph for each set of shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any

from archc.runtime.devices import CPU

_GRAPH = "gpu_graph_id"
_NO_GRAPH = -1
MOST = 32  # graphs of a session: each keeps memory on the device, and photographs can have any number of sizes


class Replays:
    """The captured graphs of a session on ``device``, by the shapes of its inputs, ``MOST`` of them at most."""

    def __init__(self, raw: Any, device: str, device_id: int = 0) -> None:
        self._raw, self._device, self._device_id = raw, device, device_id
        self._known: dict[tuple[tuple[int, ...], ...], _Replay] = {}
        self._lock = Lock()  # onnxruntime's sessions take several threads at once; our buffers hold one run's numbers

    def run(self, given: Mapping[str, Any]) -> list[Any]:
        """OrtValues in the CPU's memory to OrtValues, in the order of the session's outputs.

        Shapes for which there is no graph any more run without one.
        """
        shapes = tuple(tuple(given[arg.name].shape()) for arg in self._raw.get_inputs())
        with self._lock:
            if shapes not in self._known:
                if len(self._known) == MOST:
                    return self._plain(given)
                self._known[shapes] = self._capture(given, len(self._known) + 1)
            return self._known[shapes].run(given)

    def _capture(self, given: Mapping[str, Any], number: int) -> _Replay:
        """Buffers for inputs, and for outputs as large as a run without a graph says they are."""
        values = self._plain(given)
        names = [arg.name for arg in self._raw.get_outputs()]
        inputs = {name: self._buffer(value) for name, value in given.items()}
        outputs = {name: self._buffer(value) for name, value in zip(names, values, strict=True)}
        return _Replay(self._raw, inputs, outputs, number)

    def _plain(self, given: Mapping[str, Any]) -> list[Any]:
        return self._raw.run_with_ort_values(None, dict(given), _options(_NO_GRAPH))

    def _buffer(self, like: Any) -> Any:
        return empty(like, self._device, self._device_id)


class _Replay:
    """One graph and its buffers."""

    def __init__(self, raw: Any, inputs: Mapping[str, Any], outputs: Mapping[str, Any], number: int) -> None:
        self._raw, self._inputs, self._outputs, self._options = raw, inputs, outputs, _options(number)
        self._binding = raw.io_binding()
        for name, value in inputs.items():
            self._binding.bind_ortvalue_input(name, value)
        for name, value in outputs.items():
            self._binding.bind_ortvalue_output(name, value)

    def run(self, given: Mapping[str, Any]) -> list[Any]:
        for name, buffer in self._inputs.items():
            buffer.update_inplace(given[name])
        self._binding.synchronize_inputs()
        self._raw.run_with_iobinding(self._binding, self._options)
        self._binding.synchronize_outputs()
        return [copied(value, CPU) for value in self._outputs.values()]


def empty(like: Any, device: str, device_id: int = 0) -> Any:
    """An OrtValue of the same shape and type on a device, its numbers not set."""
    from archc.runtime.ort import ort

    return ort.OrtValue.ortvalue_from_shape_and_type(like.shape(), like.element_type(), device, device_id)


def copied(value: Any, device: str, device_id: int = 0) -> Any:
    """An OrtValue of the same numbers on a device."""
    copy = empty(value, device, device_id)
    copy.update_inplace(value)
    return copy


def _options(graph: int) -> Any:
    from archc.runtime.ort import ort

    options = ort.RunOptions()
    options.add_run_config_entry(_GRAPH, str(graph))
    return options
