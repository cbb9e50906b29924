"""Initial values of weights in numpy, equal in distribution to those of ``torch.nn.init``.

Each tensor draws from a generator of its own, seeded by (seed, state_dict key): its values depend neither on the order
of the layers nor on what else the network has. They are the same on every platform, but for ``orthogonal``, which
rests on LAPACK's QR.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archc.backends.weights import WeightsError
from archc.graph.fans import fans
from archc.graph.graph import Graph
from archc.graph.initial import initialisers
from archc.ops.base import Init, Weight

Array = NDArray[Any]
Shape = tuple[int, ...]
Initialiser = Callable[..., Array]

INITIALISERS: dict[str, Initialiser] = {}


class InitialValues(Mapping[str, Array]):
    """State_dict key → initial value of a graph's weights, computed when asked for."""

    def __init__(self, graph: Graph, seed: int = 0) -> None:
        np.random.SeedSequence(seed)  # numpy.random is imported here, not at the first draw: Ctrl-C can be lost in that
        self._seed = seed
        self._weights: dict[str, Weight] = {entry.key: entry.weight for entry in graph.state}
        self._initialisers = initialisers(graph)

    def __getitem__(self, key: str) -> Array:
        return initial_value(key, self._weights[key], self._initialisers[key], self._seed)

    def __iter__(self) -> Iterator[str]:
        return iter(self._weights)

    def __len__(self) -> int:
        return len(self._weights)


def initial_value(key: str, weight: Weight, init: Init, seed: int = 0) -> Array:
    """The value with which the weight ``key`` starts, in its shape and dtype. Raises WeightsError."""
    digest = np.frombuffer(hashlib.sha256(key.encode()).digest(), "<u4")
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *digest.tolist()])))
    try:
        value = INITIALISERS[init.name](rng, weight.shape, **dict(init.args))
    except KeyError:
        raise WeightsError(f"there is no initialiser `{init.name}` (for `{key}`)") from None
    except (TypeError, ValueError) as e:
        raise WeightsError(f"`{init.name}` cannot initialise `{key}`: {e}") from None
    return np.asarray(value, weight.dtype)


def _initialiser(function: Initialiser) -> Initialiser:
    INITIALISERS[function.__name__] = function
    return function


@_initialiser
def zeros(rng: np.random.Generator, shape: Shape) -> Array:
    return np.zeros(shape, np.float32)


@_initialiser
def ones(rng: np.random.Generator, shape: Shape) -> Array:
    return np.ones(shape, np.float32)


@_initialiser
def constant(rng: np.random.Generator, shape: Shape, val: float) -> Array:
    return np.full(shape, val, np.float32)


@_initialiser
def uniform(rng: np.random.Generator, shape: Shape, a: float = 0.0, b: float = 1.0) -> Array:
    value = rng.random(shape, np.float32)
    value *= b - a
    value += a
    return value


@_initialiser
def normal(rng: np.random.Generator, shape: Shape, mean: float = 0.0, std: float = 1.0) -> Array:
    if std < 0:
        raise ValueError(f"std must not be negative, this is {std:g}")
    value = rng.standard_normal(shape, np.float32)
    value *= std
    value += mean
    return value


@_initialiser
def trunc_normal(
    rng: np.random.Generator, shape: Shape, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0
) -> Array:
    """N(mean, std²) conditioned on lying in [a, b]; as in torch, a and b are values, not multiples of ``std``."""
    if std < 0 or a > b:
        raise ValueError(f"std must not be negative and a not above b, these are {std:g}, {a:g} and {b:g}")
    if std == 0 or a == b:
        return np.full(shape, min(max(mean, a), b), np.float32)
    value = truncated_standard_normal(rng, math.prod(shape), (a - mean) / std, (b - mean) / std)
    value *= std
    value += mean
    return np.clip(value, a, b).astype(np.float32).reshape(shape)


@_initialiser
def xavier_uniform(rng: np.random.Generator, shape: Shape, gain: float = 1.0) -> Array:
    fan_in, fan_out = fans(shape)
    bound = gain * math.sqrt(6.0 / (fan_in + fan_out))
    return uniform(rng, shape, -bound, bound)


@_initialiser
def xavier_normal(rng: np.random.Generator, shape: Shape, gain: float = 1.0) -> Array:
    fan_in, fan_out = fans(shape)
    return normal(rng, shape, 0.0, gain * math.sqrt(2.0 / (fan_in + fan_out)))


@_initialiser
def kaiming_uniform(
    rng: np.random.Generator, shape: Shape, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Array:
    bound = math.sqrt(3.0) * _kaiming_std(shape, a, mode, nonlinearity)
    return uniform(rng, shape, -bound, bound)


@_initialiser
def kaiming_normal(
    rng: np.random.Generator, shape: Shape, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Array:
    return normal(rng, shape, 0.0, _kaiming_std(shape, a, mode, nonlinearity))


@_initialiser
def orthogonal(rng: np.random.Generator, shape: Shape, gain: float = 1.0) -> Array:
    """A (semi-)orthogonal matrix of the first axis against all others, uniform by Haar's measure (Mezzadri 2007)."""
    if len(shape) < 2:
        raise ValueError(f"it needs two axes or more, this has {len(shape)}")
    rows, columns = shape[0], math.prod(shape[1:])
    tall = rng.standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q *= np.sign(np.diag(r))
    return (gain * (q.T if rows < columns else q)).reshape(shape).astype(np.float32)


_GAINS: dict[str, float] = {
    "tanh": 5.0 / 3,
    "relu": math.sqrt(2.0),
    "selu": 3.0 / 4,
    **dict.fromkeys(("linear", "sigmoid"), 1.0),
    **{f"conv{transpose}{d}d": 1.0 for transpose in ("", "_transpose") for d in (1, 2, 3)},
}


def gain(nonlinearity: str, a: float) -> float:
    """``torch.nn.init.calculate_gain``; ``a`` is the negative slope of ``leaky_relu``."""
    if nonlinearity == "leaky_relu":
        return math.sqrt(2.0 / (1.0 + a * a))
    if nonlinearity not in _GAINS:
        raise ValueError(f"nonlinearity must be one of {', '.join(['leaky_relu', *_GAINS])}, this is {nonlinearity!r}")
    return _GAINS[nonlinearity]


def _kaiming_std(shape: Shape, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"mode must be fan_in or fan_out, this is {mode!r}")
    fan_in, fan_out = fans(shape)
    return gain(nonlinearity, a) / math.sqrt(fan_in if mode == "fan_in" else fan_out)


def truncated_standard_normal(rng: np.random.Generator, count: int, low: float, high: float) -> NDArray[np.float64]:
    """``count`` draws of N(0, 1) conditioned on [low, high], by rejection (Robert 1995)."""
    if high < 0:
        return -truncated_standard_normal(rng, count, -high, -low)
    propose = _proposal(low, high)
    kept: list[NDArray[np.float64]] = []
    missing = count
    while missing > 0:
        drawn = propose(rng, missing + missing // 8 + 8)[:missing]
        kept.append(drawn)
        missing -= len(drawn)
    return np.concatenate(kept) if kept else np.empty(0)


def _proposal(low: float, high: float) -> Callable[[np.random.Generator, int], NDArray[np.float64]]:
    """Draws ``n`` candidates and gives those accepted: of the normal itself for wide intervals, else of one near it."""

    def from_normal(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        x = rng.standard_normal(n)
        return x[(x >= low) & (x <= high)]

    def from_uniform(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        x = rng.uniform(low, high, n)
        return x[rng.random(n) <= np.exp(-x * x / 2)]

    def from_exponential(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        covered = -math.expm1(-low * (high - low))  # the exponential of rate `low`, cut at `high`
        x = low - np.log1p(-rng.random(n) * covered) / low
        return x[rng.random(n) <= np.exp(-((x - low) ** 2) / 2)]

    mass = (math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2))) / 2
    if mass >= 0.1:
        return from_normal
    return from_exponential if low > 0 else from_uniform
