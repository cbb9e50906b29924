"""Files of models: the same bytes each time, data outside where it must be, and nothing half written."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest

from archc.backends.onnx import write
from archc.backends.onnx.model import build
from archc.backends.onnx.save import save
from archc.backends.onnx.wire import Initializer
from archc.files import WriteError
from tests.onnx.networks import residual
from tests.onnx.test_onnx_model import image, run
from tests.support.builder import Builder

DATA = re.compile(r"net\.onnx\.[0-9a-f]{8}\.data")


def files(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_the_same_call_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        save(residual(labels={"logits": ["b", "a"]}), tmp_path / name / "net.onnx", external_data_from=0)
    assert files(tmp_path / "a") == files(tmp_path / "b")
    for file in files(tmp_path / "a"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_the_bytes_are_those_of_the_proto() -> None:
    built = build(residual())
    text = b"".join(built.model.chunks())
    assert len(text) == built.model.size()
    assert onnx.ModelProto.FromString(text).SerializeToString(deterministic=True) == text


def test_external_data(tmp_path: Path) -> None:
    inside = save(residual(), tmp_path / "inside.onnx")
    report = save(residual(), tmp_path / "net.onnx", external_data_from=1)
    assert len(report.files) == 2
    assert DATA.fullmatch(report.files[1].name)
    onnx.checker.check_model(str(report.path), full_check=True)
    proto = onnx.load(report.path, load_external_data=False)
    places = [{e.key: e.value for e in t.external_data} for t in proto.graph.initializer if t.external_data]
    assert places
    assert all(int(p["offset"]) % 4096 == 0 and p["location"] == report.files[1].name for p in places)
    x = image(2, 3, 12, 10)
    np.testing.assert_array_equal(run(report.path, x=x)["logits"], run(inside.path, x=x)["logits"])


def test_weights_that_all_stay_in_the_model_get_no_file(tmp_path: Path) -> None:
    """Shape inference may need small ones; a file for none of them would be empty."""
    b = Builder("net", [2, 4, 4])
    b.add("conv", "conv", 3, 1)
    report = save(b.graph(), tmp_path / "net.onnx", external_data_from=0)
    assert report.files == (report.path,)
    assert [file.name for file in tmp_path.iterdir()] == ["net.onnx"]


def test_external_from_the_size_asked_for() -> None:
    model = build(residual()).model
    assert not write.is_external(model, None)
    assert not write.is_external(model, model.weight_bytes + 1)
    assert write.is_external(model, model.weight_bytes)


def test_always_external_above_what_a_proto_holds() -> None:
    def never() -> np.ndarray:
        raise AssertionError("deciding must not read weights")

    model = build(residual()).model
    small = sum(len(p) for p in model.chunks())
    room = (1 << 31) - 1 - small
    filler = Initializer("f", (room // 4 - 100,), "float32", never)
    object.__setattr__(model, "initializers", (*model.initializers, filler))
    assert not write.is_external(model, None)
    object.__setattr__(model, "initializers", (*model.initializers, Initializer("g", (200,), "float32", never)))
    assert write.is_external(model, None)


def test_a_model_too_large_for_a_proto_is_written_external(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "PROTO_LIMIT", 2000)
    assert len(save(residual(), tmp_path / "net.onnx").files) == 2


def test_a_new_model_takes_the_place_of_the_old_and_its_data(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    first = save(residual(), path, seed=1, external_data_from=0).files[1]
    (tmp_path / "net.onnx.00000000.data").write_text("someone else's")
    second = save(residual(), path, seed=2, external_data_from=0).files[1]
    assert files(tmp_path) == sorted(["net.onnx", "net.onnx.00000000.data", second.name])
    assert first.name != second.name
    save(residual(), path, seed=2, external_data_from=0)
    assert second.exists()
    save(residual(), path, seed=2)
    assert files(tmp_path) == ["net.onnx", "net.onnx.00000000.data"]


@pytest.mark.parametrize("external", [None, 0])
def test_an_interrupted_write_leaves_the_old_model_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, external: int | None
) -> None:
    path = tmp_path / "net.onnx"
    save(residual(), path, seed=1, external_data_from=external)
    before = {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}
    data, count = Initializer.data, 0

    def interrupted(self: Initializer) -> memoryview:
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        return data(self)

    monkeypatch.setattr(Initializer, "data", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(residual(), path, seed=2, external_data_from=external)
    assert {name: (tmp_path / name).read_bytes() for name in files(tmp_path)} == before


def test_data_of_a_model_that_could_not_be_written_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.onnx"
    save(residual(), path, seed=1, external_data_from=0)
    before = files(tmp_path)

    def fails(*_: object) -> None:
        raise WriteError("cannot write it")

    monkeypatch.setattr(write, "_write_model", fails)
    with pytest.raises(WriteError):
        save(residual(), path, seed=2, external_data_from=0)
    assert files(tmp_path) == before
