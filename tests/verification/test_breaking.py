"""What is broken on purpose is found, and the layer that is broken is named with its place in the spec."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archc
from archc.backends import torch_module
from archc.backends.onnx.model import Built, model_of
from archc.backends.onnx.passes import norm_relu_as_max
from archc.ops import OPS
from archc.verification import candidates
from archc.verification.networks import Plan, verify_network
from archc.verification.size import LAYERS, SOURCE, Size
from tests.verification.nets import SPEC, blamed, line, row_of, size_of, written

PROFILES = ("portable", "cuda-fp32", "cuda-fp16", "cuda-bf16", "cpu-int8")
Rule = Callable[..., list[str]]


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    return written(tmp_path)


@pytest.fixture
def size(spec: Path) -> Size:
    return size_of(spec)


@pytest.fixture
def break_op(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the ONNX of an op, at one path, be multiplied by a factor."""

    def broken(name: str, path: str, factor: float) -> None:
        rule: Rule = OPS[name].onnx

        def wrong(self: Any, e: Any, inputs: Sequence[str], shapes: Any) -> list[str]:
            made = rule(self, e, inputs, shapes)
            here = e._path == path
            return e.node("Mul", [made[0], e.constant([factor])]) if here else made

        monkeypatch.setattr(OPS[name], "onnx", wrong)

    return broken


@pytest.mark.parametrize("profile", PROFILES)
def test_as_it_is_all_agrees(size: Size, profile: str) -> None:
    row = row_of(size, profile)
    assert row.agrees and row.blamed is None


OPS_OF = {
    "stem": ("conv", "stem: conv"), "unit1.conv2": ("conv", "conv2: conv"), "unit2.sum": ("add", "sum <-"),
    "unit1.relu1": ("relu", "relu1: relu"), "wide": ("conv", "wide <-"), "both": ("concat", "both <-"),
    "pool": ("max_pool", "pool: max_pool"), "mean": ("global_avg_pool", "mean:"), "fc": ("linear", "fc:"),
}  # fmt: skip


@pytest.mark.parametrize("path", OPS_OF)
@pytest.mark.parametrize("profile", PROFILES)
def test_an_op_with_a_wrong_rule_is_named(
    size: Size, spec: Path, break_op: Callable[..., None], profile: str, path: str
) -> None:
    op, text = OPS_OF[path]
    break_op(op, path, 10.0)
    found = blamed(size, profile)
    assert (found.layer, found.op) == (path, op)
    assert str(found.place).startswith(f"{spec}:{line(spec, text)}:")
    assert found.before is not None
    assert found.before < found.measured.error / 2


def test_a_small_mistake_is_found_in_fp32(size: Size, break_op: Callable[..., None]) -> None:
    break_op("add", "unit1.sum", 1.0001)
    found = blamed(size, "portable")
    assert found.layer == "unit1.sum"
    assert found.measured.error == pytest.approx(1e-4, rel=0.1)
    assert found.before is not None and found.before < 1e-5


def test_the_numbers_that_are_furthest_apart_are_told(size: Size, break_op: Callable[..., None]) -> None:
    break_op("concat", "both", 1.5)
    found = blamed(size, "portable")
    assert found.worst is not None
    assert found.worst.found == pytest.approx(1.5 * found.worst.expected, rel=1e-5)
    assert found.found.greatest == pytest.approx(1.5 * found.expected.greatest, rel=1e-5)
    assert len(found.worst.index) == 4


def corrupt(monkeypatch: pytest.MonkeyPatch, name: str, change: Callable[[Any], Any]) -> None:
    """Change the numbers of an initializer of what is built."""
    build = candidates.build

    def broken(*args: Any, **kwargs: Any) -> Built:
        built = build(*args, **kwargs)
        program, numbers = built.program, change(np.array(built.program.value(name)))
        program.replace_initializer(name, dtype=program.initializers[name].dtype, read=lambda: numbers)
        return replace(built, model=model_of(program, "broken"))

    monkeypatch.setattr(candidates, "build", broken)


def zero_channel(x: Any) -> Any:
    x[2] = 0
    return x


@pytest.mark.parametrize(
    ("profile", "name", "layer"),
    [
        ("portable", "unit2.conv1.weight", "unit2.conv1"),
        ("cuda-fp32", "wide.weight", "wide"),
        ("cuda-fp16", "stem.weight", "stem"),
        ("cuda-bf16", "fc.weight", "fc"),
        ("cpu-int8", "unit2.conv1.weight.quantized", "unit2.conv1"),
    ],
)
def test_weights_that_are_wrong_in_the_model_are_named(
    size: Size, monkeypatch: pytest.MonkeyPatch, profile: str, name: str, layer: str
) -> None:
    wrong = zero_channel if profile != "cpu-int8" else np.zeros_like
    corrupt(monkeypatch, name, wrong)
    assert blamed(size, profile).layer == layer


def test_a_folded_norm_is_told_beside_the_layer_that_holds_it(size: Size, monkeypatch: pytest.MonkeyPatch) -> None:
    corrupt(monkeypatch, "unit1.conv1.weight", lambda x: 2 * x)
    found = blamed(size, "portable")
    assert (found.layer, found.stands_for) == ("unit1.conv1", ("unit1.bn1",))


def test_a_scale_of_int8_at_which_all_saturates_is_named(size: Size, monkeypatch: pytest.MonkeyPatch) -> None:
    corrupt(monkeypatch, "unit2.relu1.scale", lambda x: x / np.float32(20))
    found = blamed(size, "cpu-int8")
    assert found.layer == "unit2.conv1"
    assert "unit2.relu1" in found.stands_for, "its result is what is rounded"
    assert found.found.greatest == pytest.approx(found.expected.greatest / 20, rel=0.1)


def test_a_pass_that_forgets_the_shift_is_found_where_it_was_to_be(size: Size, monkeypatch: pytest.MonkeyPatch) -> None:
    absorb = norm_relu_as_max._absorb

    def forgetful(program: Any, conv: Any, threshold: Any) -> None:
        absorb(program, conv, threshold._replace(shift=0 * threshold.shift))

    monkeypatch.setattr(norm_relu_as_max, "_absorb", forgetful)
    one = size_of_pointwise(size)
    found = blamed(one, "cuda-fp32")
    assert found.layer == "narrow"
    assert set(found.stands_for) == {"norm", "act"}
    assert row_of(one, "portable").agrees


def size_of_pointwise(size: Size) -> Size:
    """The same network, where the norm before convolutions is read by unpadded ones alone."""
    folder = Path(size.weighted.network.file.path).parent
    return size_of(written(folder, SPEC.replace("conv(4, 3, padding=1)", "conv(4, 1)")))


def test_norms_folded_wrongly_are_found(size: Size, monkeypatch: pytest.MonkeyPatch) -> None:
    affine = OPS["batch_norm"].as_affine

    def wrong(self: Any, values: Any) -> Any:
        scale, shift = affine(self, values)
        return scale, -shift

    monkeypatch.setattr(OPS["batch_norm"], "as_affine", wrong)
    found = blamed(size, "portable")
    assert (found.layer, found.stands_for) == ("unit1.conv1", ("unit1.bn1",))


def test_a_module_that_is_written_wrongly_is_found(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = size_of(spec)
    source = torch_module.source

    def wrong(*args: Any) -> str:
        return source(*args).replace(
            "nn.Conv2d(8, 4, 3, padding=1)", "nn.Conv2d(8, 4, 3, padding=1, padding_mode='reflect')"
        )

    monkeypatch.setattr(torch_module, "source", wrong)
    row = size.torch_rows("not run")[0]
    assert (row.what, row.agrees) == (LAYERS, False)
    assert row.blamed is not None
    assert (row.blamed.layer, row.blamed.op) == ("wide", "conv")


def test_a_source_that_does_not_run_by_itself_is_told(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = archc.compile(spec)
    text = network.source()
    monkeypatch.setattr(type(network), "source", lambda _: "import archc\n" + text)
    found = verify_network(network, plan=Plan(profiles=(), batches=(1,)))
    assert not found.agrees
    wrong = [row for row in found.rows if not row.agrees]
    assert {row.what for row in wrong} == {SOURCE}
    assert "archc" in (wrong[0].problem or "")
    assert all(row.agrees for row in found.rows if row.what == LAYERS)
