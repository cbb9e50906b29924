"""A network of every family of the library, in every profile: outputs equal to the module's, as far as numbers allow.

On small images and the random weights that ``archc verify`` makes. What no CPU has is simulated; ``make gpu-check``
runs it.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

import archc
from archc.backends.onnx.profiles import PROFILES
from archc.language import library
from archc.verification.measure import measured
from archc.verification.networks import with_random_weights
from archc.verification.result import Row
from archc.verification.samples import random_samples
from archc.verification.size import Size, by_name
from archc.verification.sizes import shapes_of
from tests.passes.test_library import FAMILIES

IMAGES = 2
# `cpu` has the passes of `portable`, and differs in where its weights lie.
COMPARED = [name for name in PROFILES if name != "cpu"]
FP16 = 2e-3
# Deep networks of narrow layers are further off by whatever they are run. PyTorch's own half precision then counts;
# the two round in other places, and differ from machine to machine.
AS_PYTORCH = 1.25
LEAST_SQNR = 18.0  # dB, of int8
SQNR = {"resnet50": 30.0}
SLOW = {"alexnet", "alexnet_d2l", "convnext_tiny", "efficientnet_v2_s", "inception_v3", "vgg11_bn", "vgg11_d2l_quarter"}


@cache
def size_of(family: str) -> Size:
    weighted = with_random_weights(archc.compile(family, **FAMILIES[family]))
    shapes = shapes_of(weighted.network.graph)
    return Size(weighted, [IMAGES], [random_samples(shapes, IMAGES, 1)], random_samples(shapes, IMAGES, 0))


def error_of_half(size: Size) -> float:
    """How far PyTorch's module in fp16 is from the one in fp32, on the same inputs and by the same measure."""
    module = size.weighted.module().eval().half()
    graph = size.weighted.network.graph
    errors: list[float] = []
    for case in size.cases:
        with torch.no_grad():
            given = module(*(torch.from_numpy(array).half() for array in case.inputs.values()))
        found = {name: array.astype(np.float32) for name, array in by_name(given, graph).items()}
        errors.append(measured(found, case.expected).error)
    return max(errors)


def compared(family: str) -> dict[str, Row]:
    rows = [*size_of(family).onnx_rows(COMPARED, ("cpu",), lambda _: None)]
    return {row.what.removeprefix("onnx "): row for row in rows}


def test_cpu_and_portable_compute_alike() -> None:
    assert PROFILES["cpu"].passes == PROFILES["portable"].passes
    assert PROFILES["cpu"].precision == PROFILES["portable"].precision == "fp32"


def test_there_is_a_network_of_every_file() -> None:
    assert {archc.compile(name).graph.name for name in FAMILIES} == {path.stem for path in library.models()}


@pytest.mark.parametrize("family", [pytest.param(f, marks=[pytest.mark.slow] * (f in SLOW)) for f in FAMILIES])
def test_every_profile_gives_what_the_module_does(family: str) -> None:
    size = size_of(family)
    rows = {**compared(family), "layers": size.torch_rows("not run")[0]}
    size_of.cache_clear()
    assert not size.notes
    assert not {name: str(row.blamed or row.problem or row.measured) for name, row in rows.items() if not row.agrees}
    errors = {name: row.measured.error for name, row in rows.items() if row.measured is not None}
    assert errors["layers"] == 0, "a layer by itself is what it is in the module"
    assert max(errors["portable"], errors["cuda-fp32"]) <= 1e-5
    assert errors["cuda-fp16"] <= FP16 or errors["cuda-fp16"] <= AS_PYTORCH * error_of_half(size)
    assert rows["cuda-bf16"].device == rows["cuda-fp16"].device == "cpu, simulated"
    int8 = rows["cpu-int8"].measured
    assert int8 is not None
    assert int8.sqnr >= SQNR.get(family, LEAST_SQNR)
