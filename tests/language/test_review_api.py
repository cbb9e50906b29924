"""What a caller of ``archc.compile`` may give, and what is refused with a word of why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import archc

if TYPE_CHECKING:
    from conftest import Spec

TEXT = """
    params: {w: 4, act: relu, ws: [1, 2], b: true, p: 0.5, n: null}
    blocks:
      basic: gelu
    body:
      - conv(w, 1, bias=b)
      - act
      - for v in ws: conv(v, 1)
      - dropout(p)
"""
ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("w", np.int64(5), 5),
        ("w", np.array(5), 5),
        ("ws", (3, 4), [3, 4]),
        ("ws", range(1, 3), [1, 2]),
        ("ws", np.array([3, 4]), [3, 4]),
        ("ws", [np.int32(3)], [3]),
        ("b", np.bool_(False), False),
        ("p", np.float32(0.25), 0.25),
        ("p", 0, 0),
        ("n", "anything", "anything"),
        ("act", "basic", "basic"),
    ],
)
def test_values_are_those_of_the_language(spec: Spec, name: str, value: Any, kept: Any) -> None:
    found = spec.graph(TEXT, **{name: value}).params[name]
    assert found == kept
    assert type(found) is type(kept)


def test_the_text_of_a_layer_is_that_layer(spec: Spec) -> None:
    assert [n.op.name for n in spec.graph(TEXT, act="basic").nodes][1] == "gelu"
    assert [n.op.name for n in spec.graph(TEXT, act="tanh").nodes][1] == "tanh"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("w", {}), ("w", object()), ("w", float("nan")), ("w", float("inf")), ("w", 10**400), ("w", True),
        ("w", "5"), ("w", [1]), ("ws", {1: 2}), ("ws", [object()]), ("ws", ENDLESS), ("ws", 3), ("b", 1),
        ("act", len), ("act", "a" * 20_000), ("n", object()), ("n", 3 + 4j), ("nothing", 1),
    ],
)  # fmt: skip
def test_other_values_are_refused(spec: Spec, name: str, value: Any) -> None:
    path = spec.write(TEXT)
    with pytest.raises(archc.RequestError, match=name):
        archc.compile(path, **{name: value})


@pytest.mark.parametrize(
    "shape", [(3, 9, 9), [3, 9, 9], {"x": (3, 9, 9)}, np.array([3, 9, 9]), (np.int64(3), 9, 9), {}]
)
def test_shapes(spec: Spec, shape: Any) -> None:
    dims = spec.graph("body: relu", input=shape).inputs["x"].shape.dims
    assert dims == ((3, 9, 9) if len(shape) else (3, 8, 8))
    assert all(type(d) is int for d in dims)


@pytest.mark.parametrize(
    "shape",
    [
        "3x9x9", 9, (), (3, 9.0, 9), (3, True, 9), (0, 9, 9), (3, -1, 9), (3, 2**40, 9), (1,) * 9, [3, [9], 9],
        {"x": 5}, {"x": None}, {"x": "abc"}, {"y": (3, 9, 9)}, {1: (3, 9, 9)},
    ],
)  # fmt: skip
def test_other_shapes_are_refused(spec: Spec, shape: Any) -> None:
    path = spec.write("body: relu")
    with pytest.raises(archc.RequestError):
        archc.compile(path, input=shape)


@pytest.mark.parametrize("ref", ["a" * 5000, "a/" * 3000, "a:" * 3000, "a\0b", "no/such/file", "nothing_like_it"])
def test_what_is_no_spec(ref: str) -> None:
    with pytest.raises(archc.RequestError, match="there is no file"):
        archc.compile(ref)
    with pytest.raises(archc.RequestError, match="there is no file"):
        archc.compile(Path(ref))


def test_labels_are_of_the_number_of_classes_in_the_spec(spec: Spec) -> None:
    text = "params: {classes: 2}\nbody: conv(classes, 1)\nlabels: [cat, dog]"
    assert spec.graph(text).labels == {"output": ["cat", "dog"]}
    assert spec.graph(text, classes=2).labels == {"output": ["cat", "dog"]}
    assert spec.graph(text, classes=3).labels == {}, "a caller who changes that number gets none"
    assert spec.mistake(text.replace("[cat, dog]", "[cat]"))[0] == "labels-mismatch"


def test_labels_of_several_outputs(spec: Spec) -> None:
    text = """
        params: {classes: 2}
        body:
          a: conv(classes, 1)
          b <- x: conv(3, 1)
        outputs: {y: a, z: b}
        labels: {z: [p, q, r], y: [cat, dog]}
    """
    assert spec.graph(text).labels == {"z": ["p", "q", "r"], "y": ["cat", "dog"]}
    assert spec.graph(text, classes=5).labels == {"z": ["p", "q", "r"]}
    assert spec.mistake(text.replace("{z:", "{no:"))[0] == "unknown-key"
    assert spec.mistake(text.replace("[cat, dog]", "[cat, [dog]]")) == ("wrong-type", "[dog]")
