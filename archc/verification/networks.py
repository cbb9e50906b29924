"""A network against itself: the module, its source by itself, and its ONNX in every profile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from archc.backends.onnx.profiles import PROFILES, profile
from archc.backends.weights.loading import Loaded
from archc.network import Network, Weighted
from archc.runtime import devices
from archc.verification.layers import tensors
from archc.verification.result import Row, Verification
from archc.verification.samples import for_network, random_samples
from archc.verification.size import POOL, Size
from archc.verification.sizes import at_odd_size, other_weight, shapes_of
from archc.verification.standalone import SourceError, run_sources
from archc.verification.weights import HOW, lively

REFERENCE = "the module, by PyTorch in fp32 on the CPU"

Progress = Callable[[str], object]


@dataclass(frozen=True)
class Plan:
    """What is asked for. ``devices`` are those that are wanted and there."""

    profiles: tuple[str, ...] = tuple(PROFILES)
    batches: tuple[int, ...] = (1, 2, 5)
    images: str | None = None
    devices: tuple[str, ...] = (devices.CPU,)
    seed: int = 0


def verify_network(
    network: Network, loaded: Loaded | None = None, plan: Plan | None = None, progress: Progress = lambda _: None
) -> Verification:
    """Compare all that is made of a network; without weights, with random ones that are fitted to it (``lively``).

    Raises RequestError where images or a profile can't be used, and DeviceError where a device can't.
    """
    plan = plan or Plan()
    for name in plan.profiles:
        profile(name)
    sizes, notes = _sizes(network, loaded, plan, progress)
    rows = list(_rows(sizes, plan, progress))
    notes += [note for size in sizes for note in size.notes]
    weights = loaded.tensors.source if loaded is not None else f"random, from seed {plan.seed}; {HOW}"
    name = network.graph.variant or network.graph.name
    return Verification(name, REFERENCE, weights, _samples(sizes[0], plan), tuple(rows), tuple(dict.fromkeys(notes)))


def _rows(sizes: Sequence[Size], plan: Plan, progress: Progress) -> Iterator[Row]:
    progress("module and source")
    try:
        sources: Sequence[Any] = run_sources([(size.weighted, [c.inputs for c in size.cases]) for size in sizes])
    except SourceError as e:
        sources = [str(e)] * len(sizes)
    for size, source in zip(sizes, sources, strict=True):
        yield from size.torch_rows(source)
        yield from size.onnx_rows(plan.profiles, plan.devices, progress)


def _sizes(network: Network, loaded: Loaded | None, plan: Plan, progress: Progress) -> tuple[list[Size], list[str]]:
    """The network's own size, and an odd one where there is one; and why, where there is none."""
    progress("weights")
    weighted = Weighted(network, loaded) if loaded is not None else with_random_weights(network, plan.seed)
    trained = loaded is not None
    own = _size(weighted, plan, plan.images, trained=trained)
    odd = at_odd_size(network, same_weights=trained)
    if isinstance(odd, str):
        return [own], [f"no odd size: {odd}"]
    fit = other_weight(network.graph, odd.graph) is None
    other = Weighted(odd, weighted.loaded) if fit else with_random_weights(odd, plan.seed)
    return [own, _size(other, plan, None, trained=trained)], []


def with_random_weights(network: Network, seed: int = 0) -> Weighted:
    """The network with random weights that are fitted to random images (``lively``); each time the same."""
    images = random_samples(shapes_of(network.graph), POOL, seed)
    return network.load_weights(lively(network.graph, tensors(images.arrays), seed))


def _size(weighted: Weighted, plan: Plan, images: str | None, *, trained: bool) -> Size:
    graph, most = weighted.network.graph, max(*plan.batches, POOL)
    samples, fitted = (
        [random_samples(shapes_of(graph), most, plan.seed + 1)],
        random_samples(shapes_of(graph), POOL, plan.seed),
    )
    if images is not None:
        samples.append(for_network(graph, images, most))
        fitted = samples[-1]
    return Size(weighted, plan.batches, samples, fitted, trained, [note for one in samples for note in one.refused])


def _samples(size: Size, plan: Plan) -> str:
    """What is compared on, in words."""
    found = [f"{one.count} images of {plan.images}" for one in size.samples if one.kind == "images"]
    return ", ".join([f"random numbers from seed {plan.seed + 1}", *found])
