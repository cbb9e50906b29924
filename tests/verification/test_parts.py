"""What verification is made of: errors, tolerances, weights, samples and sizes."""

from __future__ import annotations

import json
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import archc
from archc.backends.init import InitialValues
from archc.diagnostics.diagnostic import RequestError
from archc.verification.layers import computed, tensors
from archc.verification.measure import measured, of_tensor, worst
from archc.verification.networks import Plan, verify_network, with_random_weights
from archc.verification.report import as_json, as_text
from archc.verification.result import Measured, Row, Tolerance, Verification
from archc.verification.samples import for_network, random_samples
from archc.verification.sizes import at_odd_size, input_text, shapes_of
from archc.verification.tolerances import FP32, INT8, Step, of_half, of_tf32
from archc.verification.weights import SHIFT, lively, perturbed
from tests.verification.nets import SPEC, written

Array = np.ndarray[Any, Any]

# Errors


@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=20), st.floats(0.01, 100))
def test_errors_are_relative_and_know_no_unit(numbers: list[float], scale: float) -> None:
    expected = np.array(numbers, np.float64)
    found = expected + 1e-3 * np.abs(expected).max()
    one, other = of_tensor(found, expected), of_tensor(scale * found, scale * expected)
    assert one.error == pytest.approx(other.error, rel=1e-6, abs=1e-12)
    if np.abs(expected).max() > 1e-6:
        assert one.error == pytest.approx(1e-3, rel=1e-3)
        assert one.sqnr == pytest.approx(10 * np.log10((expected**2).sum() / ((found - expected) ** 2).sum()), abs=1e-6)


def test_the_worst_output_counts() -> None:
    exact = {"a": np.ones((2, 3)), "b": np.ones((2, 3))}
    found = measured({"a": np.ones((2, 3)), "b": 1.5 * np.ones((2, 3))}, exact)
    assert found.error == 0.5


@pytest.mark.parametrize(
    "found",
    [{"a": np.array([1.0, nan])}, {"a": np.array([1.0, inf])}, {"a": np.ones(3)}, {"b": np.ones(2)}, {}],
)
def test_what_is_no_number_or_of_another_shape_never_agrees(found: dict[str, Array]) -> None:
    one = measured(found, {"a": np.ones(2)})
    assert one.error == inf
    assert not FP32.holds(one) and not INT8.holds(one)


def test_classes_are_those_of_the_first_axis_after_the_batch() -> None:
    expected = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    found = np.array([[0.2, 0.8], [0.4, 0.6], [0.3, 0.7]])
    assert of_tensor(found, expected).top1 == pytest.approx(2 / 3)
    assert of_tensor(np.ones((2, 1)), np.ones((2, 1))).top1 is None


def test_where_tensors_are_furthest_apart() -> None:
    expected, found = np.zeros((2, 3)), np.zeros((2, 3))
    found[1, 2] = -4
    place = worst(found, expected)
    assert place is not None and (place.index, place.expected, place.found) == ((1, 2), 0, -4)
    found[0, 1] = nan
    place = worst(found, expected)
    assert place is not None and place.index == (0, 1)
    assert worst(np.zeros(2), np.zeros(3)) is None


# Tolerances


def test_an_error_at_its_limit_is_allowed() -> None:
    assert FP32.holds(Measured(1e-5, 100)) and not FP32.holds(Measured(1.01e-5, 100))
    assert not FP32.holds(Measured(nan, nan))
    assert INT8.holds(Measured(0.3, 15.0)) and not INT8.holds(Measured(0.3, 14.9))
    counted = Tolerance("int8", "sqnr", 15.0, top1=0.5)
    assert counted.holds(Measured(0.1, 20.0, 0.5)) and not counted.holds(Measured(0.1, 20.0, 0.4))
    assert counted.holds(Measured(0.1, 20.0, None)), "an output without classes"


def test_roundings_add_up_along_the_longest_path() -> None:
    steps = [Step("Conv", ["x"], ["a"]), *(Step("Conv", [c], [chr(ord(c) + 1)]) for c in "abcdefghijklmno")]
    steps.append(Step("Conv", ["x"], ["z"]))
    assert of_tf32(steps) == pytest.approx(2 * 2**-11 * 32**0.5)
    assert of_half(steps, "fp16") == pytest.approx(2 * 2**-11 * 4)
    assert of_half(steps, "bf16") == pytest.approx(8 * of_half(steps, "fp16"))
    assert of_tf32([Step("Relu", ["x"], ["y"])]) == pytest.approx(8 * 2**-11), "never less"


# Weights


def test_layers_get_a_variance_of_one_and_norms_their_statistics(tmp_path: Path) -> None:
    graph = archc.compile(written(tmp_path)).graph
    images = tensors(random_samples(shapes_of(graph), 16, 0).arrays)
    state = lively(graph, images, 0)
    with torch.no_grad():
        given = {node.path: y[0] for node, y in computed(graph, state, images)}
    for path in ("stem", "unit1.conv1", "unit2.conv2", "wide", "fc"):
        assert float(given[path].std()) == pytest.approx(1, rel=0.15), path
    before = given["unit1.conv1"]
    assert np.allclose(state["unit1.bn1.running_mean"], before.mean((0, 2, 3)), atol=1e-5)
    assert np.allclose(state["unit1.bn1.running_var"], before.var((0, 2, 3), correction=0), rtol=1e-4)
    assert float(given["unit1.bn1"].mean()) == pytest.approx(SHIFT, abs=0.2)


def test_nothing_is_left_a_constant(tmp_path: Path) -> None:
    graph = archc.compile(written(tmp_path)).graph
    state = with_random_weights(archc.compile(written(tmp_path))).loaded
    start = InitialValues(graph, 0)
    constant = [
        key for key, value in start.items() if value.dtype.kind == "f" and value.size > 1 and np.ptp(value) == 0
    ]
    assert constant
    assert all(np.ptp(state[key]) > 0 for key in constant)


def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    network = archc.compile(written(tmp_path))
    one, same, other = (with_random_weights(network, seed).loaded for seed in (0, 0, 1))
    assert all(np.array_equal(one[key], same[key]) for key in one)
    assert not np.array_equal(one["stem.weight"], other["stem.weight"])


def test_what_is_no_constant_is_kept() -> None:
    rng = np.random.default_rng(0)
    value = rng.standard_normal(5)
    assert perturbed(value, rng) is value
    count = np.zeros((), np.int64)
    assert perturbed(count, rng) is count


# Samples


def test_random_maps_are_smooth_and_of_variance_one() -> None:
    x = random_samples({"x": (3, 40, 30)}, 8, 0).arrays["x"]
    assert (x.shape, x.dtype) == ((8, 3, 40, 30), np.float32)
    assert abs(float(x.mean())) < 1e-3 and float(x.std()) == pytest.approx(1, abs=1e-3)
    assert np.abs(np.diff(x, axis=2)).mean() < 0.3 < np.abs(x[1:] - x[:-1]).mean()


PREPROCESSED = SPEC + "preprocess: {resize: 24, mean: 0.5, std: 0.25}\n"


def images(folder: Path, count: int) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(count):
        Image.fromarray(rng.integers(0, 256, (30 + i, 40, 3), np.uint8)).save(folder / f"{i}.png")
    return folder


def test_images_are_prepared_as_the_spec_says(tmp_path: Path) -> None:
    graph = archc.compile(written(tmp_path, PREPROCESSED)).graph
    found = for_network(graph, f"folder:{images(tmp_path / 'images', 7)}", 4)
    assert found.kind == "images" and found.count == 4 and found.refused == ()
    assert found.arrays["x"].shape == (4, 3, 20, 20)
    assert -2.0 <= found.arrays["x"].min() < found.arrays["x"].max() <= 2.0
    assert np.array_equal(found.first(2)["x"], found.arrays["x"][:2])


def test_a_broken_image_is_left_out_and_told(tmp_path: Path) -> None:
    graph = archc.compile(written(tmp_path, PREPROCESSED)).graph
    folder = images(tmp_path / "images", 2)
    (folder / "2.png").write_bytes(b"no image")
    found = for_network(graph, str(folder), 8)
    assert found.count == 2
    assert "2.png: is no image" in found.refused[0]


@pytest.mark.parametrize(
    ("text", "source", "message"),
    [
        (SPEC, "folder:{}/images", "does not say how images become"),
        (PREPROCESSED, "folder:{}/none", "there is no such file"),
        (PREPROCESSED, "folder:{}/empty", "there are no images in it"),
        (PREPROCESSED, "folder:{}/texts", "there are no images in it"),
        (PREPROCESSED, "{}/nan.npy", "infinite or no number"),
    ],
)
def test_images_that_can_t_be_used_are_an_error(tmp_path: Path, text: str, source: str, message: str) -> None:
    images(tmp_path / "images", 1)
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "notes.txt").write_text("no image")
    np.save(tmp_path / "nan.npy", np.full((2, 3, 20, 20), nan, np.float32))
    graph = archc.compile(written(tmp_path, text)).graph
    with pytest.raises(RequestError, match=message):
        for_network(graph, source.format(tmp_path), 4)


@pytest.mark.parametrize(("shape", "given"), [((2, 3, 20, 19), "2, 3, 20, 19"), ((3, 19, 20), "1, 3, 19, 20")])
def test_arrays_of_another_size_are_an_error(tmp_path: Path, shape: tuple[int, ...], given: str) -> None:
    np.save(tmp_path / "wrong.npy", np.zeros(shape, np.float32))
    plan = Plan(images=str(tmp_path / "wrong.npy"))
    with pytest.raises(RequestError, match=rf"wrong.npy: input `x` is \[N, 3, 20, 20\], and the array is \[{given}\]"):
        verify_network(archc.compile(written(tmp_path)), plan=plan)


# Sizes


def test_an_odd_size_has_odd_sides_of_which_neither_is_the_other(tmp_path: Path) -> None:
    found = at_odd_size(archc.compile("resnet18"), same_weights=True)
    assert isinstance(found, archc.Network)
    assert shapes_of(found.graph) == {"x": (3, 97, 113)}


def test_where_weights_hang_on_the_size_there_is_none_for_given_ones() -> None:
    network = archc.compile("lenet5_mnist")
    why = at_odd_size(network, same_weights=True)
    assert isinstance(why, str) and "would be" in why
    free = at_odd_size(network, same_weights=False)
    assert isinstance(free, archc.Network)
    assert all(side % 2 for dims in shapes_of(free.graph).values() for side in dims[1:])


def test_a_network_of_vectors_has_no_odd_size(tmp_path: Path) -> None:
    network = archc.compile(written(tmp_path, "name: small\ninput: [7]\nhead: {fc: linear(3)}\n"))
    assert at_odd_size(network, same_weights=False) == "its inputs are no maps"


def test_sizes_as_they_are_shown() -> None:
    assert input_text({"x": (3, 4, 5)}) == "3 × 4 × 5"
    assert input_text({"a": (1,), "b": (2, 3)}) == "a 1, b 2 × 3"


# The report


def row(error: float, **fields: Any) -> Row:
    given = {"what": "onnx cpu", "device": "cpu", "input": "3 × 4 × 5", "samples": "random", "batch": 1}
    return Row(**{**given, "tolerance": FP32, "measured": Measured(error, 90.0, 1.0), **fields})


def test_batches_that_agree_share_a_line() -> None:
    rows = (row(1e-7), row(3e-7, batch=2), row(2e-7, batch=5), row(2e-3, batch=7), row(4e-3, batch=9))
    lines = as_text(Verification("net", "it", "w", "s", rows)).splitlines()
    table = [line.split() for line in lines if line.startswith("onnx")]
    assert [line[-3:] for line in table] == [
        ["3.0e-07", "1.0e-05", "ok"], ["2.0e-03", "1.0e-05", "DIFFERS"], ["4.0e-03", "1.0e-05", "DIFFERS"]
    ]  # fmt: skip
    assert "1, 2, 5" in lines[5]
    assert lines[-1] == "2 of 5 comparisons differ"


def test_what_did_not_run_is_told_with_its_reason() -> None:
    rows = (row(1e-7), row(0, measured=None, problem="no kernel for Conv"))
    text = as_text(Verification("net", "it", "w", "s", rows))
    assert "FAILS" in text
    assert "does not run: no kernel for Conv" in text


def test_json_has_no_infinite_numbers() -> None:
    rows = (row(inf), row(0.0, measured=Measured(0.0, inf, None)))
    data = json.loads(as_json(Verification("net", "it", "w", "s", rows)), parse_constant=pytest.fail)
    assert data["rows"][0]["measured"]["error"] is None
    assert data["rows"][1]["measured"] == {"error": 0.0, "sqnr": None, "top1": None}
    assert (data["agrees"], data["rows"][0]["agrees"], data["rows"][1]["agrees"]) == (False, False, True)


def test_one_comparison_is_not_called_several() -> None:
    assert as_text(Verification("net", "it", "w", "s", (row(1e-7),))).endswith("1 comparison, and it agrees\n")


def test_nothing_compared_is_no_agreement() -> None:
    assert not Verification("net", "it", "w", "s", ()).agrees
