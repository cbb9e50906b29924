"""The comparison of starts finds what is wrong, and nothing where all is well."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support.samples import Sample, differs

MANY = 80_000  # numbers that eight draws of a tensor of 10,000 have


def normal(seed: int, size: int = MANY, std: float = 0.02, mean: float = 0.0) -> Sample:
    return np.random.default_rng(seed).normal(mean, std, size).astype(np.float32)


def uniform(seed: int, size: int = MANY, bound: float = 0.1) -> Sample:
    return np.random.default_rng(seed).uniform(-bound, bound, size).astype(np.float32)


@pytest.mark.parametrize("size", [2, 10, 64, 1_000, 100_000])
def test_samples_of_one_distribution_never_differ(size: int) -> None:
    for draw in (normal, uniform):
        found = [differs(draw(seed, size), draw(seed + 1000, size)) for seed in range(300 if size < 10_000 else 30)]
        assert not any(found)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("factor", [0.97, 1.03])
def test_a_deviation_three_percent_off(seed: int, factor: float) -> None:
    assert str(differs(normal(seed, std=0.02 * factor), normal(seed + 1000))).startswith("deviation")
    assert differs(uniform(seed, bound=0.1 * factor), uniform(seed + 1000))


OTHER: list[tuple[Sample, Sample, str]] = [
    (uniform(1, bound=0.02 * 3**0.5), normal(2), "distance"),
    (np.clip(normal(1), -0.04, 0.04), normal(2), "deviation"),
    (normal(1, mean=0.001), normal(2), "mean"),
    (uniform(1, bound=0.1005), uniform(2), "-0.1"),
    (np.zeros(100), normal(2, 100), "constant"),
    (normal(2, 100), np.zeros(100), "constant"),
    (np.zeros(100), np.full(100, 1e-6), "constant"),
]


@pytest.mark.parametrize(("ours", "theirs", "said"), OTHER)
def test_other_distributions(ours: Any, theirs: Any, said: str) -> None:
    assert str(differs(ours, theirs)).startswith(said)


def test_equal_constants_are_the_same() -> None:
    assert differs(np.ones(3), np.ones(3)) is None
