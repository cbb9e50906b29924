"""Whatever the network, every profile and any order of passes gives what its module gives."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch

import archc
from archc.backends.onnx import passes
from archc.backends.onnx.export import Export
from archc.backends.onnx.model import Built, build
from archc.backends.onnx.precision.half.tolerance import tolerance
from archc.backends.onnx.precision.simulate import simulated
from archc.backends.onnx.profiles import PROFILES
from archc.verification.result import Tolerance
from archc.verification.rounding import Sensitivity
from tests.passes.nets import run
from tests.passes.random_nets import Nets
from tests.source.checks import module_of, scrambled

Array = np.ndarray[Any, Any]
FP32 = 1e-4  # of the length of an output: some of these networks cancel most of what they add up


def off(found: Array, wanted: Array) -> float:
    assert found.shape == wanted.shape
    return float(np.linalg.norm(np.float64(found) - wanted) / max(float(np.linalg.norm(wanted)), 1e-30))


def of_half(weighted: archc.Weighted, built: Built, x: Array) -> float:
    """What rounding explains of an output's length: of networks in general, or of one as sensitive as this."""
    own = max(tolerance(built.program), FP32)
    ran = [one.name for one in built.applied if one.name in passes.names()]
    costs = Sensitivity.of(weighted, built.program, ran, {"x": x})
    return 10 ** (-costs.allowed(Tolerance("half", "sqnr", -20 * log10(own)), {"x": x}).limit / 20)


@pytest.mark.parametrize("seed", [*range(40), 738])
def test_every_profile_gives_what_the_module_gives(seed: int, tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(Nets(seed).write())
    network = archc.compile(tmp_path / "net.yaml")
    graph = network.graph
    module = scrambled(module_of(graph)).eval()
    x = np.random.default_rng(seed).standard_normal((2, *graph.inputs["x"].shape.dims), np.float32)
    with torch.inference_mode():
        given = module(torch.from_numpy(x.copy()))
    wanted = given if isinstance(given, dict) else {next(iter(graph.outputs)): given}
    weighted = network.load_weights(module.state_dict())
    shuffled = passes.names()
    Random(seed).shuffle(shuffled)
    lists: list[tuple[str, Sequence[str] | None]] = [("portable", []), ("portable", shuffled)]
    lists += [(name, None) for name, profile in PROFILES.items() if profile.precision != "int8"]
    for profile, only in lists:
        built = build(graph, weights=module.state_dict(), export=Export.of(profile, only=only))
        half = PROFILES[profile].precision in ("fp16", "bf16")
        program = simulated(built.program) if half else built.program
        allowed = max(FP32, of_half(weighted, built, x) if half else 0)
        for optimised in (False, True):
            found = run(program, {"x": x}, optimised=optimised)
            errors = {name: off(found[name], value.numpy()) for name, value in wanted.items()}
            assert max(errors.values()) <= allowed, (profile, only, optimised, errors)
