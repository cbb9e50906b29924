"""From a model back to its spec: exact, whole, and compiled anew the same network."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest

import archc
from archc.backends.onnx.export import Export
from archc.backends.onnx.metadata import record_of, written
from archc.graph.structure import structure_hash
from archc.language import library
from archc.language.record import Recorded, digest_of
from tests.generated import variants

NET = """\
name: net
description: Größer, with a line end of its own\r
input: [3, 16, 16]
params: {width: 4, act: relu, depths: [1, 2]}
variants:
  small:
  large: {width: 8}
use: {./parts/unit: [unit], ../common/stem.yml: [stem]}
stem:
  - stem(width)
body:
  for i, depth in enumerate(depths):
    stage${i}:
      for j in range(depth): unit(width * 2 ** i, act)
head:
  pool: global_avg_pool
  flatten: flatten
  fc: linear(3)
labels: names/classes.txt
"""
FILES = {
    "own/net.yaml": NET,
    "own/parts/unit.yaml": """\
use: {./../../common/stem.yml: [stem], blocks/residual: [conv3x3]}
blocks:
  unit(out, act):
    conv: conv3x3(out)
    bn: batch_norm
    act: act
""",
    "common/stem.yml": "blocks:\n  stem(out): conv(out, 3, stride=2, padding=1)\n",
    "own/names/classes.txt": "cat\ndog\r\nfish",
}

Write = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with these files."""
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return tmp_path


def written_model(folder: Path, spec: str = "own/net.yaml:small", **given: Any) -> Path:
    archc.compile(spec, **given).onnx(folder / "model.onnx")
    return folder / "model.onnx"


def edited(model: Path, **changes: str | None) -> Path:
    """The model with other metadata; None takes an entry away."""
    proto = onnx.load(model)
    said = {p.key: p.value for p in proto.metadata_props} | changes
    del proto.metadata_props[:]
    onnx.helper.set_model_props(proto, {key: value for key, value in said.items() if value is not None})
    path = model.with_name("edited.onnx")
    onnx.save(proto, path)
    return path


def test_every_file_comes_back_byte_for_byte(folder: Path) -> None:
    found = archc.recover(written_model(folder))
    assert found.text == NET
    residual = (library.folder() / "blocks/residual.yaml").read_text()
    assert found.files() == {**FILES, "library/blocks/residual.yaml": residual}
    assert found.main == "own/net.yaml"
    paths = found.write(folder / "out")
    assert {p.relative_to(folder / "out").as_posix(): p.read_bytes().decode() for p in paths} == found.files()


def test_how_it_was_called_comes_back(folder: Path) -> None:
    model = written_model(folder, "own/net.yaml", variant="large", width=16, depths=(2, 1), input=[3, 32, 24])
    found = archc.recover(model)
    assert (found.variant, found.params, found.input) == ("large", {"width": 16, "depths": [2, 1]}, {"x": (3, 32, 24)})
    assert found.differences() == []
    assert found.network.graph.inputs["x"].shape.dims == (3, 32, 24)
    assert archc.recover(written_model(folder)).input is None


def test_it_compiles_where_the_files_are_not(folder: Path) -> None:
    model = written_model(folder, act="leaky_relu")
    graph = archc.compile("own/net.yaml:small", act="leaky_relu").graph
    shutil.rmtree(folder / "own")
    shutil.rmtree(folder / "common")
    found = archc.recover(model)
    assert structure_hash(found.network.graph) == structure_hash(graph)
    assert (found.network.graph.labels, found.network.graph.spec_hash) == (graph.labels, graph.spec_hash)
    archc.compile(found.write(folder / "out")[0], variant="small", act="leaky_relu")  # and as files again


def test_the_recovered_build_is_the_build(folder: Path) -> None:
    (folder / "w").mkdir()
    net = archc.compile("own/net.yaml:large", width=5)
    given: dict[str, Any] = {"profile": "cpu", "topk": 2, "without": ["fold-batch-norm"]}
    net.onnx(folder / "w/a.onnx", seed=3, **given)
    found = archc.recover(folder / "w/a.onnx")
    found.network.onnx(folder / "w/b.onnx", seed=3, **found.export)
    a, b = (onnx.load(folder / f"w/{name}.onnx") for name in "ab")
    assert a.graph.SerializeToString(deterministic=True) == b.graph.SerializeToString(deterministic=True)


@pytest.mark.parametrize("variant", variants())
def test_every_network_of_the_library(variant: str) -> None:
    """By what a model of it would say, without the weights."""
    graph = archc.compile(variant).graph
    said = written(graph, "", Export.of())
    record = record_of(said)
    files = Recorded(record)
    assert (
        record.specs[record.main]
        == Path(graph.spec_name.replace("specs/", f"{library.folder()}/").rpartition(":")[0]).read_text()
    )
    assert digest_of(record) == graph.spec_hash
    found = archc.Recovered(record, said)
    assert found.differences() == []
    assert found.network.graph.spec_name == graph.spec_name
    assert all(files.exists(files.path(name)) for name in record.specs)


def test_a_spec_of_another_revision(folder: Path) -> None:
    import subprocess

    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], check=True, capture_output=True)

    git("init", "-q")
    git("add", "own", "common")
    git("commit", "-qm", "first")
    (folder / "own/parts/unit.yaml").write_text("blocks: {unit(out, act): relu}\n")
    found = archc.recover(written_model(folder, "HEAD:own/net.yaml:small"))
    assert {name: text for name, text in found.files().items() if not name.startswith("library")} == FILES
    assert found.differences() == []


def test_a_file_that_has_two_names(folder: Path) -> None:
    (folder / "own/again.yml").symlink_to("../common/stem.yml")
    (folder / "own/net.yaml").write_text(NET.replace("../common/stem.yml: [stem]", "./again.yml: [stem]"))
    found = archc.recover(written_model(folder))
    assert found.record.links
    assert found.differences() == []


def test_a_folder_called_library(folder: Path) -> None:
    shutil.move(folder / "own", folder / "library")
    found = archc.recover(written_model(folder, "library/net.yaml:small"))
    residual = (library.folder() / "blocks/residual.yaml").read_text()
    own = {name.replace("own/", "library/"): text for name, text in FILES.items()}
    assert found.files() == {**own, "library_/blocks/residual.yaml": residual}
    assert found.differences() == []


# What is wrong with a model


def test_a_text_that_was_changed(folder: Path) -> None:
    model = written_model(folder)
    with pytest.raises(archc.RecoveryError, match="its spec is not the one it was made of: sha256"):
        archc.recover(edited(model, spec_text=NET.replace("width: 4", "width: 5")))
    record = json.loads(archc.recover(model).metadata["record"])
    record["specs"]["spec/common/stem.yml"] += "# more\n"
    with pytest.raises(archc.RecoveryError, match="is not the one"):
        archc.recover(edited(model, record=json.dumps(record)))


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("structure_sha256", "00ff", "structure: the model says 00ff, and it is"),
        ("labels", '{"output": ["a", "b", "c"]}', "labels: the model says"),
        ("preprocess", '{"mean": 0.5}', "and it is nothing"),
        ("preprocess", "{", "preprocess: the model says {"),
        ("labels", None, "labels: the model says nothing"),
    ],
)
def test_what_does_not_follow_from_the_spec(folder: Path, key: str, value: str | None, says: str) -> None:
    (said,) = archc.recover(edited(written_model(folder), **{key: value})).differences()
    assert says in said


@pytest.mark.parametrize(
    "name",
    ["spec/../../evil", "/etc/passwd", "spec//etc/passwd", "spec/..\\evil", "spec/C:/evil", "other/net.yaml", "spec",
     "spec/a\x00b", "spec/a\nb", "library/..", "spec/./a", "spec/ ", "spec/" + "a" * 300, "", "spec/a/", "spec/con?"],
)  # fmt: skip
@pytest.mark.parametrize("where", ["specs", "beside", "links"])
def test_paths_that_lead_elsewhere(folder: Path, where: str, name: str) -> None:
    model = written_model(folder)
    record = json.loads(archc.recover(model).metadata["record"])
    record.setdefault(where, {})[name] = "text"
    with pytest.raises(archc.RequestError, match="can't be read: it names a file"):
        archc.recover(edited(model, record=json.dumps(record)))


@pytest.mark.parametrize(
    "record",
    ["{", "[]", "3", "null", '{"main": 3}', "{}", '{"main": "spec/a", "specs": []}', "[" * 100_000,
     '{"main": "spec/a", "specs": {"spec/b": 3}}', '{"main": "spec/a", "input": {"x": 3}}',
     '{"main": "spec/a", "input": {"x": ["3"]}}', '{"main": "spec/a", "params": 7}', '{"main": "../a"}'],
)  # fmt: skip
def test_a_record_that_is_none(folder: Path, record: str) -> None:
    with pytest.raises(archc.RequestError, match="what it was made of can't be read"):
        archc.recover(edited(written_model(folder), record=record))


def test_too_many_files(folder: Path) -> None:
    model = written_model(folder)
    record = json.loads(archc.recover(model).metadata["record"])
    record["beside"] |= {f"spec/{i}.txt": "" for i in range(1001)}
    with pytest.raises(archc.RequestError, match=r"it names 1,\d+ files"):
        archc.recover(edited(model, record=json.dumps(record)))


def test_models_that_do_not_say(folder: Path) -> None:
    model = written_model(folder)
    with pytest.raises(archc.RequestError, match="does not say what it was made of"):
        archc.recover(edited(model, spec_text=None))
    with pytest.raises(archc.RequestError, match="not the files that it uses"):
        archc.recover(edited(model, record=None))


# Writing


def test_nothing_is_overwritten(folder: Path) -> None:
    found = archc.recover(written_model(folder))
    found.write(folder / "out")
    found.write(folder / "out")  # the same texts may stand
    (folder / "out/own/net.yaml").write_text("mine")
    (folder / "out/common/stem.yml").unlink()
    with pytest.raises(archc.RequestError, match=r"net\.yaml is there, and is another text"):
        found.write(folder / "out")
    assert (folder / "out/own/net.yaml").read_text() == "mine"
    assert not (folder / "out/common/stem.yml").exists()


@pytest.mark.parametrize("link", ["own", "own/net.yaml"])
def test_links_out_of_the_folder_are_not_followed(folder: Path, link: str) -> None:
    found = archc.recover(written_model(folder))
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    (folder / "out" / link).parent.mkdir(parents=True)
    (folder / "out" / link).symlink_to(elsewhere if link == "own" else elsewhere / "net.yaml")
    with pytest.raises(archc.RequestError, match="leads out of"):
        found.write(folder / "out")
    assert list(elsewhere.iterdir()) == []
