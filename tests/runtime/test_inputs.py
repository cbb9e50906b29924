"""Files, folders, arrays and random numbers to batches, and what comes of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper
from PIL import Image

from archc.runtime.errors import ModelError
from archc.runtime.inputs import Inputs, Item, Refused, Sample, imagenet, takes_images
from archc.runtime.ort import TensorInfo
from archc.runtime.predict import Run, joined, predict, save
from archc.runtime.session import Session, open_session
from tests.runtime.support import BFLOAT16, FLOAT, HALF, INT64, UINT8, channel_means, model

PREPROCESS = {"preprocess": json.dumps({"mean": 0.5, "std": 0.25})}


def image(path: Path, color: tuple[int, int, int] = (255, 0, 128), size: tuple[int, int] = (8, 8)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path)
    return path


def samples(items: Iterable[Item]) -> list[Sample]:
    found = list(items)
    assert all(isinstance(item, Sample) for item in found), found
    return [item for item in found if isinstance(item, Sample)]


def run(session: Session, items: Iterable[Item], batch: int = 1) -> list[Run]:
    return [found for found in predict(session, items, batch) if isinstance(found, Run)]


@pytest.fixture
def means() -> Session:
    return open_session(channel_means(metadata=PREPROCESS))


def test_an_image_becomes_what_the_model_says(means: Session, tmp_path: Path) -> None:
    (sample,) = samples(Inputs(means).files([image(tmp_path / "a.png")]))
    assert sample.name == str(tmp_path / "a.png")
    np.testing.assert_allclose(sample.arrays["x"][:, 0, 0], [2.0, -2.0, (128 / 255 - 0.5) / 0.25], atol=1e-6)


def test_a_folder_is_its_images_and_those_below_by_name(means: Session, tmp_path: Path) -> None:
    for name in ("b/z.JPG", "a.png", "b/a.webp", "c.bmp"):
        image(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    found = samples(Inputs(means).files([tmp_path]))
    assert [Path(s.name).relative_to(tmp_path).as_posix() for s in found] == ["a.png", "b/a.webp", "b/z.JPG", "c.bmp"]


def test_an_empty_folder_and_a_missing_file_are_errors(means: Session, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no images in it; looked for \.bmp"):
        list(Inputs(means).files([tmp_path]))
    with pytest.raises(ModelError, match=r"gone\.png: there is no such file"):
        list(Inputs(means).files([tmp_path / "gone.png"]))


def test_a_broken_image_does_not_stop_the_others(means: Session, tmp_path: Path) -> None:
    (tmp_path / "b.png").write_bytes(image(tmp_path / "a.png").read_bytes()[:50])
    image(tmp_path / "c.png")
    found = list(predict(means, Inputs(means).files([tmp_path]), 8))
    assert [type(item) for item in found] == [Refused, Run]
    refused, ran = found
    assert isinstance(refused, Refused) and refused.name.endswith("b.png") and "b.png" not in refused.why
    assert isinstance(ran, Run) and [Path(name).name for name in ran.names] == ["a.png", "c.png"]


def test_a_half_precision_model_gets_half_precision(tmp_path: Path) -> None:
    session = open_session(channel_means(kind=HALF, metadata=PREPROCESS))
    (sample,) = samples(Inputs(session).files([image(tmp_path / "a.png")]))
    assert sample.arrays["x"].dtype == np.float16
    assert run(session, [sample])[0].outputs["logits"].dtype == np.float16


def test_a_model_that_takes_bytes_gets_images_of_any_size_as_they_are(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Cast", ["image"], ["f"], to=FLOAT),
        helper.make_node("ReduceMean", ["f", "axes"], ["logits"], keepdims=0),
    ]
    shape = ["N", "H", "W", 3]
    axes = {"axes": np.array([1, 2], np.int64)}
    session = open_session(model(nodes, {"image": (UINT8, shape)}, {"logits": (FLOAT, ["N", 3])}, axes))
    image(tmp_path / "a.png", (1, 2, 3), (9, 5))
    image(tmp_path / "b.png", (4, 5, 6), (30, 20))
    image(tmp_path / "c.png", (7, 8, 9), (30, 20))
    runs = run(session, Inputs(session).files([tmp_path]), batch=4)
    assert [run.outputs["logits"].tolist() for run in runs] == [[[1, 2, 3]], [[4, 5, 6], [7, 8, 9]]]


def test_images_that_are_in_the_graph_by_the_metadata_s_word() -> None:
    info = TensorInfo(("N", "H", "W", "C"), "uint8")
    assert takes_images(info, {"embedded": '["preprocess"]'}) and not takes_images(info, {"embedded": "["})
    assert not takes_images(TensorInfo(("N", 3, 8, 8), "float32"), {"embedded": '["topk"]'})


def test_a_model_that_does_not_say_how_images_become_its_input(tmp_path: Path) -> None:
    session, path = open_session(channel_means()), image(tmp_path / "a.png")
    with pytest.raises(ModelError) as caught:
        list(Inputs(session).files([path]))
    assert caught.value.hint is not None and "--preprocess imagenet" in caught.value.hint
    assert samples(Inputs(session, {"mean": 1.0}).files([path]))[0].arrays["x"][0, 0, 0] == 0
    assert imagenet(("N", 3, 224, 224))["resize"] == 256


@pytest.mark.parametrize("said", ["{", "[]", "[" * 100_000, '{"x": 3}'])
def test_metadata_that_is_none_of_ours(tmp_path: Path, said: str) -> None:
    session = open_session(channel_means(metadata={"preprocess": said}))
    with pytest.raises(ModelError, match="the model's metadata `preprocess` is no"):
        list(Inputs(session).files([image(tmp_path / "a.png")]))


def test_preprocess_by_input(tmp_path: Path) -> None:
    session = open_session(channel_means(metadata={"preprocess": '{"x": {"mean": 1.0}}'}))
    assert samples(Inputs(session).files([image(tmp_path / "a.png")]))[0].arrays["x"][0, 0, 0] == 0


def test_free_sizes_must_be_given(tmp_path: Path) -> None:
    session = open_session(channel_means(size=("H", "W"), metadata=PREPROCESS))
    with pytest.raises(ModelError, match="its sizes are free; --input"):
        list(Inputs(session).files([image(tmp_path / "a.png")]))
    (sample,) = samples(Inputs(session, sizes={"x": (3, 5, 7)}).files([tmp_path / "a.png"]))
    assert sample.arrays["x"].shape == (3, 5, 7)
    for wrong in ((3, 5), (4, 5, 7)):
        with pytest.raises(ModelError, match="can't be"):
            Inputs(session, sizes={"x": wrong})
    with pytest.raises(ModelError, match="no input `image`; it has `x`"):
        Inputs(session, sizes={"image": (3, 5, 7)})


def test_arrays_with_and_without_a_batch(means: Session, tmp_path: Path) -> None:
    data = np.random.default_rng(0).random((3, 3, 8, 8))
    np.save(tmp_path / "many.npy", data)
    np.save(tmp_path / "one.npy", data[0].astype(np.float32))
    np.savez(tmp_path / "named.npz", x=data[1:])
    found = samples(Inputs(means).files([tmp_path / name for name in ("many.npy", "one.npy", "named.npz")]))
    assert [Path(s.name).name for s in found] == [
        "many.npy[0]", "many.npy[1]", "many.npy[2]", "one.npy", "named.npz[0]", "named.npz[1]",
    ]  # fmt: skip
    assert all(s.arrays["x"].dtype == np.float32 for s in found)
    np.testing.assert_allclose(found[5].arrays["x"], data[2], rtol=1e-6)


@pytest.mark.parametrize(
    ("array", "why"),
    [
        (np.zeros((3, 8, 8), np.uint8), "input `x` takes float32, and the array is uint8"),
        (np.zeros((8, 8), np.float32), r"input `x` is \[N, 3, 8, 8\], and the array is \[8, 8\]"),
        (np.zeros((2, 3, 9, 8), np.float32), r"input `x` is \[N, 3, 8, 8\], and the array is \[2, 3, 9, 8\]"),
        (np.zeros((0, 3, 8, 8), np.float32), "it holds a batch of none"),
        (np.array([{}], dtype=object), "is no array that can be read"),
    ],
)
def test_arrays_that_the_model_does_not_take(means: Session, tmp_path: Path, array: Any, why: str) -> None:
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    (refused,) = Inputs(means).files([tmp_path / "a.npy"])
    assert isinstance(refused, Refused)
    with pytest.raises(ModelError, match=why):
        raise ModelError(refused.why)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"junk"])
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_broken_array_files(means: Session, tmp_path: Path, data: bytes, suffix: str) -> None:
    (path := tmp_path / f"a.{suffix}").write_bytes(data)
    (refused,) = Inputs(means).files([path])
    assert isinstance(refused, Refused) and refused.why.startswith("is no array that can be read")


def two_inputs() -> Session:
    nodes = [helper.make_node("Add", ["a", "b"], ["y"])]
    side = {"a": (FLOAT, ["N", 2]), "b": (FLOAT, ["N", 2])}
    return open_session(model(nodes, side, {"y": (FLOAT, ["N", 2])}))


def test_several_inputs_by_name(tmp_path: Path) -> None:
    session, ones = two_inputs(), np.ones((2, 2), np.float32)
    np.savez(tmp_path / "ok.npz", a=ones, b=ones)
    np.savez(tmp_path / "lacks.npz", a=ones)
    np.savez(tmp_path / "uneven.npz", a=ones, b=ones[:1])
    np.save(tmp_path / "one.npy", ones)
    inputs = Inputs(session)
    (ran,) = run(session, inputs.files([tmp_path / "ok.npz"]), batch=2)
    assert ran.outputs["y"].tolist() == [[2, 2], [2, 2]]
    for name, why in {
        "lacks.npz": "it holds `a`, and the model takes `a` and `b`",
        "uneven.npz": "batches of different sizes",
        "one.npy": "the model has 2 inputs: `a` and `b`; give a .npz",
    }.items():
        (refused,) = inputs.files([tmp_path / name])
        assert isinstance(refused, Refused) and why in refused.why
    with pytest.raises(ModelError, match=r"2 inputs; give a \.npz with `a` and `b`"):
        list(inputs.files([image(tmp_path / "a.png")]))


def test_a_run_that_fails_names_its_samples(tmp_path: Path) -> None:
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["y"])]
    data = model(nodes, {"x": (FLOAT, ["N", "W"])}, {"y": (FLOAT, [2, 3])}, {"shape": np.array([2, 3])})
    np.save(tmp_path / "a.npy", np.zeros((1, 6), np.float32))
    np.save(tmp_path / "b.npy", np.zeros((1, 7), np.float32))
    session = open_session(data)
    with pytest.raises(ModelError, match=r"b\.npy: the model fails as it runs"):
        run(session, Inputs(session).files([tmp_path / "a.npy", tmp_path / "b.npy"]))


def test_an_input_of_one_number_has_no_batch(tmp_path: Path) -> None:
    nodes = [helper.make_node("Mul", ["x", "s"], ["y"])]
    session = open_session(model(nodes, {"x": (FLOAT, ["N", 2]), "s": (FLOAT, [])}, {"y": (FLOAT, ["N", 2])}))
    for name, factor in {"a": 2, "b": 2, "c": 3}.items():
        np.savez(tmp_path / f"{name}.npz", x=np.ones((2, 2), np.float32), s=np.float32(factor))
    runs = run(session, Inputs(session).files([tmp_path / f"{name}.npz" for name in "abc"]), batch=8)
    assert [r.outputs["y"].tolist() for r in runs] == [[[2, 2]] * 4, [[3, 3]] * 2]
    assert len(run(session, Inputs(session).random(3, 0), batch=1)) == 3


def test_a_type_that_arrays_do_not_have(tmp_path: Path) -> None:
    kind = onnx.TensorProto.STRING
    session = open_session(model([helper.make_node("Identity", ["x"], ["y"])], {"x": (kind, [2])}, {"y": (kind, [2])}))
    with pytest.raises(ModelError, match="the model takes string, which arrays can't be given as"):
        list(Inputs(session).random(1, 0))
    np.save(tmp_path / "a.npy", np.zeros(2, np.float32))
    (refused,) = Inputs(session).files([tmp_path / "a.npy"])
    assert isinstance(refused, Refused) and "takes string" in refused.why


def test_random_numbers_are_those_of_the_seed(means: Session) -> None:
    first, again, other = (samples(Inputs(means).random(2, seed)) for seed in (0, 0, 1))
    assert [s.name for s in first] == ["random 0", "random 1"]
    np.testing.assert_array_equal(first[1].arrays["x"], again[1].arrays["x"])
    assert np.abs(first[1].arrays["x"] - other[1].arrays["x"]).max() > 0.1


@pytest.mark.parametrize(
    ("kind", "dtype"), [(HALF, np.float16), (BFLOAT16, np.float32), (UINT8, np.uint8), (INT64, np.int64)]
)
def test_random_numbers_of_every_type(kind: int, dtype: Any) -> None:
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    session = open_session(model(nodes, {"x": (kind, ["N", 4])}, {"y": (kind, ["N", 4])}))
    (ran,) = run(session, Inputs(session).random(1, 0))
    assert ran.outputs["y"].dtype == dtype and ran.outputs["y"].shape == (1, 4)


@given(st.integers(1, 7), st.integers(1, 5), st.none() | st.integers(1, 4))
def test_batches_change_nothing(count: int, batch: int, fixed: int | None) -> None:
    """A model of a fixed batch too: what fills the last one up is not seen."""
    session = open_session(channel_means(size=(2, 2), batch=fixed or "N"))
    items = samples(Inputs(session).random(count, 0))
    runs = run(session, items, batch)
    assert [name for r in runs for name in r.names] == [s.name for s in items]
    got = joined(runs)
    np.testing.assert_allclose(got["logits"], [s.arrays["x"].mean((1, 2)) for s in items], rtol=1e-5, atol=1e-6)
    assert [len(r.names) for r in runs[:-1]] == [fixed or batch] * (len(runs) - 1)


def test_outputs_are_saved_under_any_name(tmp_path: Path) -> None:
    arrays = {"file": np.arange(3), "a/b": np.zeros((2, 2)), "samples": np.array(["é.png"])}
    save(tmp_path / "o.npz", arrays)
    with np.load(tmp_path / "o.npz", allow_pickle=False) as read:
        assert set(read.files) == set(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(read[name], array)


def test_outputs_of_different_sizes_are_kept_apart() -> None:
    runs = [
        Run(("a",), {"mask": np.zeros((1, 4, 4)), "sum": np.float32(1).reshape(())}, frozenset({"mask"})),
        Run(("b",), {"mask": np.zeros((1, 5, 4)), "sum": np.float32(2).reshape(())}, frozenset({"mask"})),
    ]
    assert sorted(joined(runs)) == ["mask.0", "mask.1", "samples", "sum.0", "sum.1"]
    assert runs[0].of(0)["mask"].shape == (4, 4) and runs[0].of(0)["sum"].shape == ()
