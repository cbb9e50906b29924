"""What is measured: networks, profiles, batches."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

import archc
from archc.backends.onnx.profiles import CUDA, PROFILES
from archc.compiler import SpecFile
from archc.graph.cost import cost
from archc.language import library
from archc.language.files import load

CORRECTNESS, RUN, SPEED = "correctness", "run", "speed"
KINDS = (CORRECTNESS, RUN, SPEED)
AIM = 2.0  # times as fast as the stock export


@dataclass(frozen=True)
class Scope:
    """``profiles`` are to be right on ``device``, for ``families``; ``profile`` is to be fast, for ``networks``.

    ``size`` is that of square images; None leaves each network its own. ``aim`` None asks for no speed.
    """

    device: str
    profiles: tuple[str, ...]
    families: tuple[str, ...]
    profile: str
    networks: tuple[str, ...]
    batches: tuple[int, ...]
    rounds: int = 30
    size: int | None = None
    aim: float | None = AIM

    def jobs(self) -> list[Job]:
        """All that there is to measure, in order."""
        right = [Job(CORRECTNESS, network) for network in self.families]
        runs = [Job(RUN, network) for network in self.networks]
        return [*right, *runs, *(Job(SPEED, n, batch) for n in self.networks for batch in self.batches)]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Scope:
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in data.items()})


@dataclass(frozen=True)
class Job:
    """One measurement, which has a process of its own: what a process leaves behind can't touch the next."""

    kind: str
    network: str
    batch: int | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.network}" + ("" if self.batch is None else f", batch {self.batch}")


NETWORKS = ("resnet50", "googlenet", "densenet121", "vgg16")


def full() -> Scope:
    """All that is to be known of a GPU."""
    profiles = tuple(name for name, profile in PROFILES.items() if profile.provider in (None, CUDA))
    families = tuple(dict.fromkeys((*NETWORKS, *smallest())))
    return Scope("cuda", profiles, families, "cuda-fp16", NETWORKS, (1, 128))


def quick(device: str) -> Scope:
    """Little of all, for small images: what it says of speed says nothing."""
    profiles = ("portable", "cpu", "cuda-fp16") if device == "cpu" else full().profiles
    profile = "cpu" if device == "cpu" else "cuda-fp16"
    networks = ("squeezenet1_1",)
    return Scope(device, profiles, networks, profile, networks, (1, 2), rounds=8, size=64, aim=None)


@cache
def smallest() -> tuple[str, ...]:
    """Of each family of the library the network that has the fewest weights."""
    files = [SpecFile(path, load(path)) for path in library.models()]
    return tuple(min(file.variants, key=lambda v: cost(archc.compile(v).graph).total.params) for file in files)


def compiled(network: str, size: int | None) -> archc.Network:
    """For square images of that size."""
    found = archc.compile(network)
    if size is None:
        return found
    (given,) = found.graph.inputs.values()
    return archc.compile(network, input=[given.shape.channels, size, size])


def narrowed(scope: Scope, networks: tuple[str, ...], batches: tuple[int, ...]) -> Scope:
    """For these networks and batches alone, where any are named."""
    return replace(
        scope,
        families=tuple(n for n in scope.families if not networks or n in networks),
        networks=tuple(n for n in scope.networks if not networks or n in networks),
        batches=tuple(b for b in scope.batches if not batches or b in batches),
    )
