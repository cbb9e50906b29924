"""What correct rounding costs is no mistake, however small the network; a mistake still is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import archc
from archc.backends.onnx.model import Built, model_of
from archc.verification import candidates
from archc.verification.networks import with_random_weights
from archc.verification.report import as_text
from archc.verification.result import Row, Tolerance, Verification
from archc.verification.rounding import ALLOWED, COMMON, SIZES, cost, widened
from archc.verification.samples import random_samples
from archc.verification.size import POOL, Size
from archc.verification.sizes import shapes_of
from archc.verification.tolerances import INT8
from tests.passes.random_nets import Nets
from tests.verification.tiny import tiny

Array = np.ndarray[Any, Any]


def rows_of(folder: Path, text: str, profile: str) -> tuple[list[Row], list[str]]:
    """The comparisons of one profile on a network's random weights, and what was noted."""
    path = folder / "net.yaml"
    path.write_text(text, encoding="utf-8")
    weighted = with_random_weights(archc.compile(path))
    shapes = shapes_of(weighted.network.graph)
    size = Size(weighted, [1, 2, 5], [random_samples(shapes, POOL, 1)], random_samples(shapes, POOL, 0))
    return [*size.onnx_rows([profile], ("cpu",), lambda _: None)], size.notes


CLIPPED_GATE = 298  # a ReLU, which rounding replaces, behind a hard sigmoid, which a sum does
SATURATES, CANCELS, SENSITIVE = 85, 72, 156  # of these, what the precisions' own limits would refuse


@pytest.mark.parametrize("seed", [*range(6), 14, 43, CANCELS, SATURATES, CLIPPED_GATE])
@pytest.mark.parametrize("profile", ["cpu-int8", "cuda-bf16", "cuda-fp16"])
def test_a_correct_file_of_a_tiny_network_agrees(seed: int, profile: str, tmp_path: Path) -> None:
    rows, notes = rows_of(tmp_path, tiny(seed), profile)
    assert rows or "nothing in the network" in notes[0]
    assert all(row.agrees for row in rows), rows


@pytest.mark.parametrize(
    ("seed", "profile"),
    [
        (32, "cuda-bf16"),  # nothing of which is in half precision: fp32's limit
        (135, "cpu-int8"),  # activations of zeros alone, before a bias
        (SENSITIVE, "cuda-bf16"), (SENSITIVE, "cuda-fp16"), (318, "cpu-int8"),
    ],
)  # fmt: skip
def test_a_correct_file_of_a_random_network_agrees(seed: int, profile: str, tmp_path: Path) -> None:
    rows, _ = rows_of(tmp_path, Nets(seed).write(), profile)
    assert rows and all(row.agrees for row in rows), rows


def test_where_a_network_loses_more_than_its_precision_usually_does_that_is_shown(tmp_path: Path) -> None:
    rows, _ = rows_of(tmp_path, tiny(SATURATES), "cpu-int8")
    wide = [row for row in rows if row.tolerance.widened]
    assert wide and all(0 < row.tolerance.limit < INT8.limit for row in wide)
    assert any(row.tolerance == INT8 for row in rows), "of the others it is what it was"
    text = as_text(Verification("net", "it", "w", "s", tuple(rows)))
    assert f"{wide[0].tolerance}*  ok" in text
    assert "what rounding costs this network" in text


# Mistakes


def change(monkeypatch: pytest.MonkeyPatch, kind: str, by: Callable[[Array], Array]) -> None:
    """Change the first initializer with this end of its name, of all that is built for comparison."""
    build = candidates.build

    def broken(*args: Any, **kwargs: Any) -> Built:
        built = build(*args, **kwargs)
        program = built.program
        name = next(name for name in program.initializers if name.endswith(kind))
        numbers = by(np.array(program.value(name)))
        program.replace_initializer(name, dtype=program.initializers[name].dtype, read=lambda: numbers)
        return replace(built, model=model_of(program, "broken"))

    monkeypatch.setattr(candidates, "build", broken)


CLASSIFIER = """\
name: tiny
input: [2, 8, 8]
body: {conv: "conv(4, 3, padding=1)", act: relu}
head: {pool: global_avg_pool, flatten: flatten, fc: linear(3)}
"""
MAP = "name: tiny\ninput: [2, 8, 8]\nbody: {conv: 'conv(4, 3, padding=1)', act: hardswish, last: 'conv(2, 1)'}\n"


def swapped(x: Array) -> Array:
    return x[[1, 0, *range(2, len(x))]]


MISTAKES: dict[str, tuple[str, Callable[[Array], Array]]] = {
    "scale of weights": ("conv.weight.scale", lambda x: 2 * x),
    "zero point": (".zero_point", lambda x: x + np.uint8(64)),
    "channels": ("conv.weight.quantized", swapped),
}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("text", [CLASSIFIER, MAP, tiny(SATURATES)], ids=["classifier", "map", "saturates"])
def test_a_broken_int8_file_differs(text: str, mistake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, by = MISTAKES[mistake]
    change(monkeypatch, kind.removeprefix("conv") if text == tiny(SATURATES) else kind, by)
    rows, _ = rows_of(tmp_path, text, "cpu-int8")
    assert any(not row.agrees for row in rows), [(row.measured, row.tolerance) for row in rows]


@pytest.mark.parametrize("profile", ["cuda-bf16", "cuda-fp16"])
def test_a_broken_weight_of_a_sensitive_network_differs(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(monkeypatch, ".weight", lambda x: 2 * x)
    rows, _ = rows_of(tmp_path, tiny(CANCELS), profile)
    assert all(not row.agrees for row in rows)


# The arithmetic


@given(st.integers(0, 1000), st.floats(0.1, 10), st.sampled_from(["error", "sqnr"]))
def test_costs_are_parts_of_the_output_and_know_no_unit(seed: int, unit: float, measure: str) -> None:
    rng = np.random.default_rng(seed)
    wanted = rng.standard_normal((4, 6))
    draws = [wanted + 0.01 * rng.standard_normal(wanted.shape) for _ in range(8)]
    part = cost(SIZES[measure], wanted, draws, wanted)
    assert part == pytest.approx(cost(SIZES[measure], unit * wanted, [unit * draw for draw in draws], unit * wanted))
    assert 0.005 < part < 0.2


def test_what_all_draws_have_in_common_counts_once() -> None:
    wanted = np.array([3.0, 4.0])
    assert cost(SIZES["sqnr"], wanted, [1.1 * wanted] * 8, wanted) == pytest.approx(0.1 * COMMON)
    there_and_back = [1.1 * wanted, 0.9 * wanted]
    assert cost(SIZES["sqnr"], wanted, there_and_back, wanted) == pytest.approx(0.1 * ALLOWED)
    assert cost(SIZES["error"], wanted, there_and_back, wanted) == pytest.approx(0.1 * ALLOWED)
    assert cost(SIZES["error"], wanted, there_and_back, wanted / 2) == pytest.approx(0.2 * ALLOWED)
    assert cost(SIZES["error"], np.zeros(2), there_and_back, np.zeros(2)) == 0.0


def test_a_tolerance_is_widened_and_never_narrowed() -> None:
    bf16 = Tolerance("bf16", "error", 0.016)
    assert widened(bf16, 0.1) == replace(bf16, limit=0.1, widened=True)
    assert widened(INT8, 0.5) == replace(INT8, limit=pytest.approx(6.02, abs=0.01), widened=True)
    for kept in (0.0, 1e-3, float("nan"), float("inf")):
        assert widened(bf16, kept) is bf16
        assert widened(INT8, kept) is INT8


def test_what_could_not_fail_is_noted_and_no_comparison(tmp_path: Path) -> None:
    """A batch norm makes 180 of the differences between numbers that bf16 hardly tells apart."""
    rows, notes = rows_of(tmp_path, Nets(2).write(), "cuda-bf16")
    assert rows == []
    assert notes[0].endswith("batch 1 of random: rounding alone moves its outputs by as much as they are")


def test_a_tolerance_may_allow_all() -> None:
    assert Tolerance("int8", "sqnr", -1.0).allows_all and not INT8.allows_all
    assert Tolerance("bf16", "error", 1.0).allows_all and not Tolerance("bf16", "error", 0.5).allows_all
