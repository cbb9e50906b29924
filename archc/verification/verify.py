"""``archc.verify``: whether all that is made of a network, or of a model, computes the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from archc.backends.onnx.profiles import PROFILES
from archc.network import Network, Weighted, compile
from archc.runtime.devices import CPU, CUDA, DEVICES, DeviceError
from archc.runtime.environment import environment, require_cuda
from archc.verification.networks import Plan, verify_network
from archc.verification.result import Verification


def verify(
    what: str | Path | Network | Weighted, *, weights: str | Path | None = None, images: str | None = None,
    profiles: Sequence[str] | None = None, batches: Sequence[int] = (1, 2, 5), device: str | None = None,
    seed: int = 0, progress: Callable[[str], object] = lambda _: None,
) -> Verification:  # fmt: skip
    """Run all that archc makes of a network, and compare: module, source, and ONNX in every profile.

    ``what`` is a spec, as ``archc.compile`` takes it, a network, with weights or without, or a model (``.onnx``), of
    which see ``archc.verification.models``. Without weights they are random, made so that the network computes as a
    trained one does. ``images`` is ``folder:PATH`` or a ``.npy`` or ``.npz`` file of what is preprocessed. ``device``
    is ``cpu`` or ``cuda``; by default both, as far as they are there.

    Raises RequestError, CompileError, WeightsError, ModelError, and DeviceError where the device asked for is missing.
    """
    chosen, missing = available(device)
    plan = Plan(tuple(profiles or PROFILES), tuple(batches), images, chosen, seed)
    if isinstance(what, Weighted):
        found = verify_network(what.network, what.loaded, plan, progress)
    else:
        network = what if isinstance(what, Network) else compile(what)
        weighted = network.load_weights(weights) if weights is not None else None
        network = weighted.network if weighted else network
        found = verify_network(network, weighted.loaded if weighted else None, plan, progress)
    return replace(found, notes=(*missing, *found.notes))


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
        return (CPU,), [f"CUDA, where half precision and TF32 are real: {why}"]
    return DEVICES, []
