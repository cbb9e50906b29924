"""Inputs that an op refuses: which input or argument is at fault, and what is said of it."""

from __future__ import annotations

from typing import Any

import pytest

from archc.ops import OPS, OpError, Shape


def parameter(*dims: int) -> Shape:
    return Shape(dims, batched=False)


def refusal(name: str, *args: Any, on: list[Shape], **kwargs: Any) -> OpError:
    with pytest.raises(OpError) as caught:
        OPS[name].of(*args, **kwargs).infer(*on)
    return caught.value


MAP, SMALL, VECTOR = Shape((64, 56, 56)), Shape((128, 28, 28)), Shape((64,))


@pytest.mark.parametrize(
    ("name", "args", "on", "code", "at"),
    [
        pytest.param("add", [], [MAP, SMALL], "shape-mismatch", 1, id="add of two maps"),
        pytest.param("add", [], [MAP, MAP, SMALL], "shape-mismatch", 2, id="add, the third"),
        pytest.param("add", [], [MAP, Shape((64, 55, 56))], "shape-mismatch", 1, id="add of two heights"),
        pytest.param("add", [], [MAP, VECTOR], "rank-mismatch", 1, id="add of a vector"),
        pytest.param("mul", [], [VECTOR, MAP], "rank-mismatch", 1, id="mul of a vector"),
        pytest.param("mul", [], [MAP, parameter(64)], "shape-mismatch", 1, id="mul by a parameter along the width"),
        pytest.param("mul", [], [MAP, parameter(2, 64, 1, 1)], "shape-mismatch", 1, id="mul along the batch"),
        pytest.param("concat", [], [MAP, SMALL], "shape-mismatch", 1, id="concat of two sizes"),
        pytest.param("concat", [], [MAP, MAP, VECTOR], "rank-mismatch", 2, id="concat of a vector"),
        pytest.param("concat", [], [MAP, parameter(1, 64, 56, 56)], "shape-mismatch", 1, id="concat of a parameter"),
        pytest.param("concat", [], [parameter(3)], "rank-mismatch", 0, id="concat without axis 1"),
        pytest.param("softmax", [3], [VECTOR], "axis-out-of-range", "dim", id="softmax along no axis"),
        pytest.param("softmax", [0], [VECTOR], "batch-axis", "dim", id="softmax along the batch"),
        pytest.param("flatten", [0], [MAP], "batch-axis", "start_dim", id="flatten of the batch"),
        pytest.param("flatten", [3, 2], [MAP], "empty-range", "end_dim", id="flatten backwards"),
        pytest.param("flatten", [], [parameter(3, 1, 1)], "rank-mismatch", 0, id="flatten of a parameter"),
        pytest.param("reshape", [[3, 5]], [VECTOR], "shape-mismatch", "shape", id="reshape to another number"),
        pytest.param("reshape", [[-1, 5]], [VECTOR], "shape-mismatch", "shape", id="reshape that does not divide"),
        pytest.param("reshape", [[-1, -1]], [VECTOR], "shape-mismatch", "shape", id="reshape with two rests"),
        pytest.param("permute", [[0, 2, 1]], [MAP], "rank-mismatch", "dims", id="permute of too few axes"),
        pytest.param("permute", [[0, 1, 1, 2]], [MAP], "rank-mismatch", "dims", id="permute with one twice"),
        pytest.param("permute", [[1, 0, 2, 3]], [MAP], "batch-axis", "dims", id="permute of the batch"),
        pytest.param("permute", [[0, 1, 2, 7]], [MAP], "axis-out-of-range", "dims", id="permute of no axis"),
        pytest.param("space_to_depth", [3], [MAP], "shape-mismatch", "block", id="space_to_depth indivisible"),
        pytest.param("channel_shuffle", [5], [MAP], "groups-indivisible", "groups", id="channel_shuffle indivisible"),
        pytest.param("pad", [-28], [MAP], "window-too-large", "padding", id="pad that crops all"),
        pytest.param("pad", [1], [VECTOR], "rank-mismatch", 0, id="pad of a vector"),
        pytest.param("slice", [64], [MAP], "empty-range", None, id="slice of nothing"),
        pytest.param("chunk", [2], [parameter(4, 1, 1)], "rank-mismatch", 0, id="chunk of a parameter"),
        pytest.param("split", [2], [parameter(4, 1, 1)], "rank-mismatch", 0, id="split of a parameter"),
        pytest.param("prelu", [3], [MAP], "shape-mismatch", "num_parameters", id="prelu of other channels"),
        pytest.param("channel_affine", [[1], [1]], [MAP], "shape-mismatch", "scale", id="channel_affine too short"),
        pytest.param("upsample", [0.01], [MAP], "window-too-large", "scale_factor", id="upsample to nothing"),
        pytest.param("upsample", [1.001], [MAP], "wrong-argument", "scale_factor", id="upsample to the same"),
        pytest.param("upsample", [2], [VECTOR], "rank-mismatch", 0, id="upsample of a vector"),
        pytest.param("upsample", [2, "nearest", True], [MAP], "wrong-argument", "align_corners", id="nearest corners"),
        pytest.param("resize_like", [], [VECTOR, MAP], "rank-mismatch", 0, id="resize_like of a vector"),
        pytest.param("resize_like", [], [MAP, VECTOR], "rank-mismatch", 1, id="resize_like a vector"),
    ],
)
def test_the_place_at_fault_is_named(name: str, args: list[Any], on: list[Shape], code: str, at: int | str) -> None:
    error = refusal(name, *args, on=on)
    assert error.code == code
    assert at in (error.argument, error.input)
    assert f"`{name}`" in error.message
    assert error.found


def test_a_sum_of_different_maps_says_both_shapes() -> None:
    error = refusal("add", on=[MAP, SMALL])
    assert error.message == "`add` needs inputs of one shape"
    assert error.found == "128 × 28 × 28, against 64 × 56 × 56"
    assert error.help


def test_squeeze_excite_broadcasts_in_either_order() -> None:
    gate = Shape((64, 1, 1))
    assert OPS["mul"].of().infer(gate, MAP) == MAP
    assert OPS["mul"].of().infer(MAP, gate) == MAP
    assert OPS["mul"].of().infer(parameter(64, 1, 1), MAP) == MAP
