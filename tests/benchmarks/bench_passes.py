"""What each pass over the ONNX brings: the same network with it and without, run in turn on one thread of this CPU.

Processor time is compared, which other work on the machine disturbs less. Passes for CUDA are timed on the CPU as well,
which shows why its profiles do without them; what they bring is timed where there is a CUDA device.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import archc
from archc.backends.onnx.profiles import PROFILES
from archc.measurement import compare
from archc.measurement.binding import Bound
from archc.runtime.devices import CPU, CUDA, DeviceError
from archc.runtime.session import Session, Settings, open_session
from tests.benchmarks.measure import Report

ROUNDS = 30


class Case(NamedTuple):
    """A pass, a network that it changes, and the bounds of the time with it over that without; None: told alone."""

    name: str
    network: str
    profile: str
    least: float | None = None
    most: float | None = None


ON_CPU = [
    Case("fold-batch-norm", "resnet50", "cpu"),
    Case("fold-batch-norm", "resnet50", "cpu-int8", most=0.95),
    Case("pool-before-conv", "densenet121", "cpu", most=0.97),
    Case("pool-before-conv", "densenet121", "cpu-int8"),
    Case("norm-as-depthwise", "densenet121", "cpu-int8", most=1.0),
    Case("pool-as-depthwise", "densenet121", "cpu-int8", most=0.95),
    Case("pool-as-depthwise", "inception_v3", "cpu-int8", most=0.8),
    Case("norm-relu-as-max", "densenet121", "cpu", least=1.0),
    Case("conv-before-pool", "inception_v3", "cpu", least=0.97),
    Case("merge-parallel-convs", "googlenet", "cpu", least=1.0),
]
ON_CUDA = [
    (Case(name, network, "cuda-fp16"), batch)
    for name, network in (
        ("pool-before-conv", "densenet121"),
        ("norm-relu-as-max", "densenet121"),
        ("conv-before-pool", "inception_v3"),
        ("merge-parallel-convs", "googlenet"),
        ("merge-parallel-convs", "inception_v3"),
    )
    for batch in (1, 32)
]


def passes_with(case: Case) -> list[str]:
    """The profile's, and this one: before the swaps of pools, if it is not among them."""
    passes = PROFILES[case.profile].passes
    if case.name in passes:
        return list(passes)
    place = passes.index("pool-before-conv")
    return [*passes[:place], case.name, *passes[place:]]


def model(case: Case, passes: Sequence[str], folder: Path) -> Path:
    network = archc.compile(case.network)
    path = folder / f"{case.name in passes}.onnx"
    more: dict[str, Any] = {}
    if PROFILES[case.profile].precision == "int8":
        more["calibrate"] = folder / "images.npy"
        if not more["calibrate"].exists():
            np.save(more["calibrate"], images(network, 8))
    network.onnx(path, weights=weights(network), profile=case.profile, only=passes, **more)
    return path


def images(network: archc.Network, batch: int) -> Any:
    (x,) = network.graph.inputs.values()
    return np.random.default_rng(0).standard_normal((batch, *x.shape.dims), np.float32)


def weights(network: archc.Network) -> dict[str, Any]:
    """Drawn by the spec, apart from batch norms' numbers, which would fold to nothing as they start."""
    from archc.backends.init import InitialValues

    rng, drawn = np.random.default_rng(0), InitialValues(network.graph, 0)
    made = {entry.key: drawn[entry.key] for entry in network.graph.state}
    norms = (e for e in network.graph.state if e.node.op.name == "batch_norm" and e.weight.shape)
    return made | {e.key: rng.uniform(0.5, 1.5, e.weight.shape).astype(np.float32) for e in norms}


def told(report: Report, case: Case, batch: int, sessions: tuple[Session, Session], **timing: Any) -> float:
    """A row; gives the time with the pass over that without."""
    given = images(archc.compile(case.network), batch)
    first, second = (Bound(one, {name: given.astype(of.dtype) for name, of in one.inputs.items()}) for one in sessions)
    found = compare({"with": first, "without": second}, rounds=ROUNDS)
    ratio = found.ratio("with", "without", **timing)
    bounds = [f"≥ {case.least}"] * (case.least is not None) + [f"≤ {case.most}"] * (case.most is not None)
    report.add(
        f"{case.name}: {case.network} {case.profile}, batch {batch}",
        f"{found['with'].median * 1e3:.1f} ms",
        f"{found['without'].median * 1e3:.1f} ms without",
        f"{ratio.median:.3f} ({ratio.low:.2f} to {ratio.high:.2f})",
        ", ".join(bounds),
    )
    return ratio.median


@pytest.mark.parametrize("case", ON_CPU, ids=lambda c: f"{c.name}-{c.network}-{c.profile}")
def test_on_this_cpu(report: Report, case: Case, tmp_path: Path) -> None:
    chosen = passes_with(case)
    without = [name for name in chosen if name != case.name]
    settings = Settings(intra_op_threads=1)
    first, second = (open_session(model(case, p, tmp_path), device=CPU, settings=settings) for p in (chosen, without))
    ratio = told(report, case, 1, (first, second), clock="cpu")
    assert ratio >= (case.least or 0)
    assert ratio <= (case.most or np.inf)


@pytest.mark.parametrize(
    ("case", "batch"), ON_CUDA, ids=lambda c: str(c) if isinstance(c, int) else f"{c.name}-{c.network}"
)
def test_on_a_gpu(report: Report, case: Case, batch: int, tmp_path: Path) -> None:
    chosen = passes_with(case)
    without = [name for name in chosen if name != case.name]
    try:
        first, second = (open_session(model(case, p, tmp_path), device=CUDA) for p in (chosen, without))
    except DeviceError as e:
        pytest.skip(str(e))
    told(report, case, batch, (first, second))
