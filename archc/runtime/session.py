"""A model, ready to run on one device: the one that was asked for, or an error."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archc.runtime.binding import Replays, copied
from archc.runtime.devices import CPU, CUDA, DEVICES, PROVIDERS, DeviceError
from archc.runtime.errors import ModelError
from archc.runtime.settings import CudaSettings, Settings, SettingsError

if TYPE_CHECKING:
    from archc.runtime.ort import Placed, TensorInfo

__all__ = ["CudaSettings", "ProfileWarning", "Session", "Settings", "SettingsError", "open_session", "session"]


# In onnxruntime's messages; CUDNN_FE is cuDNN's front end, by which convolutions are run.
_OF_CUDA = re.compile(r"\b(CUDA|CUDNN|CUDNN_FE|CUBLAS|CUFFT) failure|cuda_execution_provider|cuDNN is unavailable")


class ProfileWarning(UserWarning):
    """There is a profile beside the model, and it is not of this model, this machine or this onnxruntime."""


class Session:
    """What ``open_session`` gives.

    ``inputs`` and ``outputs`` are name → TensorInfo, ``metadata`` the model's own, ``nodes`` where each node of the
    optimised graph runs, ``on_cpu`` those which onnxruntime has on the CPU by design, since they compute with sizes
    alone. ``raw`` is onnxruntime's InferenceSession, for IO binding.
    """

    def __init__(
        self, raw: Any, device: str, settings: Settings, nodes: Sequence[Placed] = (), on_cpu: Sequence[Placed] = ()
    ) -> None:
        from archc.runtime import ort

        self.raw, self.device, self.settings = raw, device, settings
        self.nodes, self.on_cpu = tuple(nodes), tuple(on_cpu)
        self.inputs: dict[str, TensorInfo] = ort.tensors(raw.get_inputs())
        self.outputs: dict[str, TensorInfo] = ort.tensors(raw.get_outputs())
        self.metadata: dict[str, str] = dict(raw.get_modelmeta().custom_metadata_map)
        sides = (*self.inputs.values(), *self.outputs.values())
        self._plain = all(info.dtype != "bfloat16" for info in sides)
        graphs = device == CUDA and settings.cuda.enable_cuda_graph
        self._graphs = Replays(raw, device, settings.cuda.device_id) if graphs else None

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Input → array to output → array. A bfloat16 tensor is given and taken as float32.

        Raises ModelError where the arrays are not what the model takes, or the run fails; DeviceError where CUDA does.
        """
        from archc.runtime import tensors

        arrays = tensors.check(inputs, self.inputs)
        try:
            values = self._run(arrays)
        except Exception as e:  # onnxruntime's classes derive from Exception alone
            raise self.failure(e) from e
        return dict(zip(self.outputs, values, strict=True))

    def failure(self, error: Exception) -> ModelError | DeviceError:
        """What is to be raised where onnxruntime raised ``error`` as the model ran."""
        from archc.runtime import ort

        said = ort.message(error)
        if self.device == CUDA and _OF_CUDA.search(said):
            return DeviceError("CUDA fails as the model runs", [said], "archc doctor looks at all it needs")
        return ModelError(f"the model fails as it runs: {said}")

    def _run(self, arrays: Mapping[str, Any]) -> list[Any]:
        from archc.runtime import tensors
        from archc.runtime.ort import ort

        if self._plain and self._graphs is None:
            return self.raw.run(None, arrays)
        given = {name: tensors.ort_value(ort, array, self.inputs[name]) for name, array in arrays.items()}
        values = self.raw.run_with_ort_values(None, given) if self._graphs is None else self._graphs.run(given)
        there = [value if value.device_name() == CPU else copied(value, CPU) for value in values]
        return [tensors.array_of(v, info) for v, info in zip(there, self.outputs.values(), strict=True)]

    def placement(self) -> dict[str, str]:
        """Node → the execution provider that runs it, as onnxruntime recorded it."""
        return {node.name or f"{node.op} {i}": node.provider for i, node in enumerate(self.nodes)}


def open_session(model: Path | bytes, *, device: str = CPU, settings: Settings | None = None) -> Session:
    """The model in a file, or as bytes, on ``cpu`` or ``cuda``.

    Raises DeviceError where it would not run there, all of it (`archc.runtime.placement` says what that means), and
    ModelError where it can't be read.
    """
    if device not in DEVICES:
        raise ValueError(f"there is no device {device!r}; there are {', '.join(DEVICES)}")
    settings = settings or Settings()
    if device == CUDA:
        from archc.runtime.environment import environment, require_cuda

        require_cuda(environment(), settings.cuda.device_id)
    if isinstance(model, Path):
        check_file(model)
    return _open(model, device, settings)


def session(path: str | Path, device: str = CPU) -> Session:
    """The model in a file, with the settings that ``archc tune`` found for it on this machine.

    They stand in the profile beside it; one that does not fit is not used, with a ProfileWarning. Raises what
    ``open_session`` raises.
    """
    from archc.runtime.profile import settings_for

    path = Path(path)
    check_file(path)
    settings, note = settings_for(path, device)
    if note:
        warnings.warn(note, ProfileWarning, stacklevel=2)
    return open_session(path, device=device, settings=settings)


def _open(model: Path | bytes, device: str, settings: Settings) -> Session:
    from archc.runtime import ort
    from archc.runtime.placement import check_placement

    provider = PROVIDERS[device]
    try:
        raw, sizes = _made(model, device, settings)
    except ModelError as e:
        if device == CUDA and _OF_CUDA.search(e.message):
            raise DeviceError("CUDA fails", [e.message], "archc doctor looks at all it needs") from e
        raise ModelError(f"{model if isinstance(model, Path) else 'the model'}: {e.message}", e.hint) from e
    if provider not in raw.get_providers():
        raise DeviceError(f"onnxruntime made a session without {provider}", ["what it said stands above"])
    nodes = ort.placed(raw)
    return Session(raw, device, settings, nodes, check_placement(nodes, provider, sizes))


def _made(model: Path | bytes, device: str, settings: Settings) -> tuple[Any, frozenset[tuple[str, str]]]:
    """onnxruntime's session, and the nodes that may be on the CPU: where it would leave some there, those of sizes."""
    from archc.runtime import ort
    from archc.runtime.placement import size_nodes

    source = model if isinstance(model, bytes) else str(model)
    options = settings.cuda.options() if device == CUDA else {}
    try:
        return ort.make_session(source, PROVIDERS[device], options, settings, strict=device != CPU), frozenset()
    except ort.LeftToCpuError:
        return ort.make_session(source, PROVIDERS[device], options, settings, strict=False), size_nodes(model)


def check_file(path: Path) -> None:
    """Raises ModelError where there is no file to read; onnxruntime would say so at more length."""
    if not path.exists():
        raise ModelError(f"{path}: there is no such file")
    if not path.is_file():
        raise ModelError(f"{path} is no file", "a model is a .onnx file")
