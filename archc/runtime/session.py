"""A model, ready to run on one device."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archc.runtime.devices import CPU, CUDA, DEVICES, PROVIDERS, DeviceError
from archc.runtime.settings import CudaSettings, Settings, SettingsError

if TYPE_CHECKING:
    from archc.runtime.ort import TensorInfo

__all__ = ["CudaSettings", "Session", "Settings", "SettingsError", "open_session"]


class Session:
    """What ``open_session`` gives. ``raw`` is onnxruntime's InferenceSession, for what stands not here."""

    def __init__(self, raw: Any, device: str, settings: Settings) -> None:
        from archc.runtime import ort

        self.raw, self.device, self.settings = raw, device, settings
        self.inputs: dict[str, TensorInfo] = ort.tensors(raw.get_inputs())
        self.outputs: dict[str, TensorInfo] = ort.tensors(raw.get_outputs())
        self.metadata: dict[str, str] = dict(raw.get_modelmeta().custom_metadata_map)

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Input → array to output → array."""
        return dict(zip(self.outputs, self.raw.run(None, dict(inputs)), strict=True))

    def placement(self) -> dict[str, str]:
        """Node → the execution provider that runs it, as onnxruntime recorded it."""
        from archc.runtime import ort

        return ort.placement(self.raw)


def open_session(model: Path | bytes, *, device: str = CPU, settings: Settings | None = None) -> Session:
    """The model in a file, or as bytes, on ``cpu`` or ``cuda``. Raises DeviceError where it would not all run there."""
    from archc.runtime import ort

    if device not in DEVICES:
        raise ValueError(f"there is no device {device!r}; there are {', '.join(DEVICES)}")
    settings = settings or Settings()
    options = settings.cuda.options() if device == CUDA else {}
    source = model if isinstance(model, bytes) else str(model)
    raw = ort.session(source, PROVIDERS[device], options, settings, strict=device != CPU)
    if PROVIDERS[device] not in raw.get_providers():
        raise DeviceError(f"onnxruntime made a session without {device}")
    return Session(raw, device, settings)


def session(path: str | Path, device: str = CPU) -> Session:
    """The model in a file, ready to run on ``cpu`` or ``cuda``. Raises DeviceError where it would not all run there."""
    return open_session(Path(path), device=device)
