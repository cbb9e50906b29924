"""``archc.verify``: whether all that is made of a network, or of a model, computes the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from archc.backends.onnx.profiles import PROFILES
from archc.backends.weights.loading import Loaded
from archc.diagnostics.diagnostic import RequestError
from archc.network import Network, Weighted, compile
from archc.runtime.devices import CPU, CUDA, DEVICES, DeviceError
from archc.runtime.environment import environment, require_cuda
from archc.verification.models import ModelPlan, Progress, verify_model
from archc.verification.result import Verification


def verify(
    what: str | Path | Network | Weighted, *, weights: str | Path | None = None, images: str | None = None,
    profiles: Sequence[str] | None = None, batches: Sequence[int] = (1, 2, 5), device: str | None = None,
    seed: int = 0, sizes: Mapping[str, Sequence[int]] | None = None, progress: Progress = lambda _: None,
) -> Verification:  # fmt: skip
    """Run all that archc makes of a network, and compare: module, source, and ONNX in every profile.

    ``what`` is a spec, as ``archc.compile`` takes it, a network, with weights or without, or a model (``.onnx``), of
    which ``archc.verification.models`` says what is compared. Without weights they are random, made so that the network
    computes as a trained one does. ``images`` is ``folder:PATH``, or a ``.npy`` or ``.npz`` file of what is
    preprocessed. ``device`` is ``cpu`` or ``cuda``; by default both, as far as they are there. ``sizes`` are those of a
    model's inputs where it leaves them free, without the batch.

    Raises RequestError, CompileError, WeightsError, ModelError, and DeviceError where the device asked for is missing.
    """
    chosen, missing = available(device)
    if isinstance(what, str | Path) and Path(what).suffix.lower() == ".onnx":
        if profiles:
            raise RequestError(f"{what} is a model, and profiles are those of a network")
        asked = {name: tuple(size) for name, size in (sizes or {}).items()}
        plan = ModelPlan(tuple(batches), images, chosen, seed, asked)
        found = verify_model(Path(what), Path(weights) if weights else None, plan, progress)
    else:
        from archc.verification.networks import Plan, verify_network

        network, loaded = _weighted(what, weights)
        planned = Plan(tuple(profiles or PROFILES), tuple(batches), images, chosen, seed)
        found = verify_network(network, loaded, planned, progress)
    return replace(found, notes=(*missing, *found.notes))


def _weighted(what: str | Path | Network | Weighted, weights: str | Path | None) -> tuple[Network, Loaded | None]:
    if isinstance(what, Weighted):
        return what.network, what.loaded
    network = what if isinstance(what, Network) else compile(what)
    if weights is None:
        return network, None
    weighted = network.load_weights(weights)
    return weighted.network, weighted.loaded


def available(device: str | None) -> tuple[tuple[str, ...], list[str]]:
    """The devices to run on, and what is not run since there is no CUDA. Raises DeviceError for one asked for."""
    if device is not None:
        if device == CUDA:
            require_cuda(environment())
        return (device,), []
    try:
        require_cuda(environment())
    except DeviceError as e:
        why = "; ".join(e.problems) or e.message
        return (CPU,), [f"TF32, and half precision but as it is simulated, for there is no CUDA: {why}"]
    return DEVICES, []
