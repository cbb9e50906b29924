"""What outputs say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from archc.runtime.errors import ModelError
from archc.runtime.labels import Classes, Guess, best, figures, read_labels
from archc.runtime.ort import TensorInfo

LOGITS = TensorInfo(("N", 3), "float32")
MASK = TensorInfo(("N", 3, 8, 8), "float32")


def test_logits_become_probabilities() -> None:
    found = best(np.array([0.0, np.log(3), np.log(4)], np.float32), 2, ["a", "b", "c"])
    assert [(g.index, g.label) for g in found] == [(2, "c"), (1, "b")]
    assert [g.score for g in found] == pytest.approx([0.5, 0.375], rel=1e-6)


def test_probabilities_stay() -> None:
    assert best(np.array([0.25, 0.75], np.float16), 5) == [Guess(1, None, 0.75), Guess(0, None, 0.25)]


def test_equal_scores_in_order_of_their_class() -> None:
    assert [g.index for g in best(np.zeros(5, np.float32), 3)] == [0, 1, 2]


@given(hnp.arrays(np.float32, st.integers(2, 50), elements=st.floats(-1e4, 1e4, width=32)), st.integers(1, 60))
def test_scores_fall_and_are_probabilities(scores: np.ndarray, top: int) -> None:
    found = best(scores, top)
    assert len(found) == min(top, len(scores)) and found[0].index in np.flatnonzero(scores == scores.max())
    values = [g.score for g in found]
    assert values == sorted(values, reverse=True) and all(0 <= v <= 1 for v in values)
    assert sum(g.score for g in best(scores, len(scores))) == pytest.approx(1, abs=0.011)


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_scores_that_are_no_numbers_name_no_class(broken: float) -> None:
    outputs = {"logits": np.array([0, broken, 1], np.float16)}
    classes = Classes.of({"logits": TensorInfo(("N", 3), "float16")}, {})
    assert classes.guesses(outputs, 3) == {} and classes.told(outputs) == set()
    masked = {"logits": np.array([0, -np.inf, 1], np.float32)}
    assert [g.index for g in classes.guesses(masked, 3)["logits"]] == [2, 0, 1]


def test_which_outputs_are_scores() -> None:
    labels = {"labels": json.dumps({"logits": ["a", "b", "c"]})}
    assert Classes.of({"logits": LOGITS}, {}).read == {"logits"}
    assert Classes.of({"mask": MASK}, {}).read == set()
    assert Classes.of({"one": TensorInfo(("N", 1), "float32")}, {}).read == set()
    assert Classes.of({"ids": TensorInfo(("N", 3), "int64")}, {}).read == set()
    assert Classes.of({"logits": LOGITS, "aux": LOGITS}, {}).read == set()
    assert Classes.of({"logits": LOGITS, "aux": LOGITS}, labels).read == {"logits"}


def test_labels_of_the_metadata_and_of_the_caller() -> None:
    metadata = {"labels": json.dumps({"logits": ["a", "b", "c"]})}
    outputs = {"logits": np.array([0, 9, 0], np.float32)}
    (guess,) = Classes.of({"logits": LOGITS}, metadata).guesses(outputs, 1)["logits"]
    assert guess.label == "b"
    (guess,) = Classes.of({"logits": LOGITS}, metadata, ["x", "y", "z"]).guesses(outputs, 1)["logits"]
    assert guess.label == "y"


def test_labels_that_do_not_fit() -> None:
    with pytest.raises(ModelError, match="2 labels, and output `logits` has 3 classes"):
        Classes.of({"logits": LOGITS}, {}, ["a", "b"])
    with pytest.raises(ModelError, match="no one output of scores"):
        Classes.of({"mask": MASK}, {}, ["a", "b", "c"])
    for wrong in ("{", "[1]", '{"logits": 3}'):
        with pytest.raises(ModelError, match=r"metadata `labels` is no .*; --labels FILE says them anew"):
            Classes.of({"logits": LOGITS}, {"labels": wrong})
        anew = Classes.of({"logits": LOGITS}, {"labels": wrong}, ["a", "b", "c"])
        assert anew.guesses({"logits": np.array([1, 0, 0], np.float32)}, 1)["logits"][0].label == "a"


def test_a_model_that_picks_its_best_classes_itself() -> None:
    sides = {"scores": TensorInfo(("N", 2), "float32"), "classes": TensorInfo(("N", 2), "int64")}
    metadata = {"embedded": '["preprocess", "topk"]', "labels": json.dumps({"logits": ["a", "b", "c"]})}
    classes = Classes.of(sides, metadata)
    outputs = {"scores": np.array([0.9, 0.1], np.float32), "classes": np.array([2, 0])}
    (guesses,) = classes.guesses(outputs, 5).values()
    assert [(g.index, g.label) for g in guesses] == [(2, "c"), (0, "a")] and classes.read == set(sides)
    assert guesses[0].score == pytest.approx(0.9)
    assert len(classes.guesses(outputs, 1)["scores"]) == 1
    assert [g.label for g in Classes.of(sides, metadata, ["p", "q", "r"]).guesses(outputs, 5)["scores"]] == ["r", "p"]


def test_figures() -> None:
    found = figures(np.array([[1, np.nan, 3, np.inf]], np.float16))
    assert (found.shape, found.dtype, found.min, found.mean, found.max, found.std, found.unfit) == (
        (1, 4), "float16", 1, 2, 3, 1, 2,
    )  # fmt: skip
    assert figures(np.zeros((0, 3))).mean is None


def test_a_file_of_labels(tmp_path: Path) -> None:
    (path := tmp_path / "l.txt").write_text("cat\n dog \r\n\n", encoding="utf-8")
    assert read_labels(path) == ["cat", "dog"]
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelError, match=r"l\.txt: is no text in UTF-8"):
        read_labels(path)
    with pytest.raises(ModelError, match=r"gone\.txt: No such file"):
        read_labels(tmp_path / "gone.txt")
