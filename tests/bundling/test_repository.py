"""The model repository: what stands where, and that it stands whole."""

from __future__ import annotations

import errno
import filecmp
import os
import pkgutil
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from archc.bundling import place
from archc.bundling.bundle import Request, bundle
from archc.diagnostics.diagnostic import RequestError
from archc.files import WriteError
from archc.runtime.errors import ModelError
from tests.bundling import models, schema

ROOT = Path(__file__).parents[2]


def tree(folder: Path) -> dict[str, bytes]:
    """All files below a folder, hidden ones too."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "home" / "repository"


def test_the_layout(tmp_path: Path, out: Path) -> None:
    net = models.classifier(tmp_path / "net.onnx")
    other = models.classifier(tmp_path / "other.onnx", external="weights.bin", labels=None)
    written = bundle([net, other], out)
    assert sorted(tree(out)) == [
        "net/1/model.onnx", "net/config.pbtxt", "net/labels.txt",
        "other/1/model.onnx", "other/1/weights.bin", "other/config.pbtxt",
    ]  # fmt: skip
    assert sorted(str(file.relative_to(out)) for one in written for file in one.files) == sorted(tree(out))
    assert filecmp.cmp(net, out / "net/1/model.onnx", shallow=False)
    assert os.listdir(out.parent) == ["repository"]


@pytest.mark.parametrize("location", ["weights.bin", "deep/er/weights.bin"])
def test_the_bundled_model_gives_what_the_model_gives(tmp_path: Path, out: Path, location: str) -> None:
    (tmp_path / location).parent.mkdir(parents=True, exist_ok=True)
    net = models.classifier(tmp_path / "net.onnx", external=location)
    bundle([net], out)
    x = np.random.default_rng(1).normal(size=(2, 3, 9, 7)).astype(np.float32)
    ours, theirs = (
        onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
        for path in (out / "net/1/model.onnx", net)
    )
    np.testing.assert_array_equal(ours, theirs)


def test_a_version_is_not_overwritten_and_another_stands_beside_it(tmp_path: Path, out: Path) -> None:
    net = models.classifier(tmp_path / "net.onnx")
    bundle([net], out)
    before = tree(out)
    models.classifier(net, seed=1)
    with pytest.raises(RequestError, match=r"net/1 is there already; --version 2 adds one, --force replaces it"):
        bundle([net], out)
    assert tree(out) == before
    bundle([net], out, Request(version=2))
    assert tree(out) == before | {"net/2/model.onnx": net.read_bytes()}
    with pytest.raises(RequestError, match="--version 3 adds one"):
        bundle([net], out)


def test_a_config_that_holds_for_other_versions_is_only_changed_by_force(tmp_path: Path, out: Path) -> None:
    bundle([models.classifier(tmp_path / "net.onnx")], out)
    (out / "net/notes.txt").write_text("mine")
    (out / "net/1/model.profile.json").write_text("{}")
    before = tree(out)
    two = Request(version=2, max_batch=8)
    with pytest.raises(RequestError, match=r"config.pbtxt holds for all versions .*: `max_batch_size: 8` for `.*: 32`"):
        bundle([tmp_path / "net.onnx"], out, two)
    assert tree(out) == before
    bundle([tmp_path / "net.onnx"], out, two, force=True)
    after = tree(out)
    assert schema.parse(after.pop("net/config.pbtxt").decode()).max_batch_size == 8
    assert after.pop("net/2/model.onnx") == before["net/1/model.onnx"]
    del before["net/config.pbtxt"]
    assert after == before
    assert os.listdir(out.parent) == ["repository"]


def test_force_replaces_a_version_and_nothing_else(tmp_path: Path, out: Path) -> None:
    net = models.classifier(tmp_path / "net.onnx", external="old.bin")
    bundle([net], out)
    bundle([net], out, Request(version=2))
    before = tree(out)
    bundle([models.classifier(net, external="new.bin", seed=1)], out, force=True)
    after = tree(out)
    assert {name for name in after if name.startswith("net/1/")} == {"net/1/model.onnx", "net/1/new.bin"}
    assert {name: data for name, data in after.items() if "/1/" not in name} == {
        name: data for name, data in before.items() if "/1/" not in name
    }


def test_where_names_cannot_be_swapped(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = models.classifier(tmp_path / "net.onnx")
    bundle([net], out)
    monkeypatch.setattr(place, "_exchange", lambda a, b: False)
    before = tree(out)
    bundle([models.classifier(net, seed=1)], out, force=True)
    assert tree(out) == before | {"net/1/model.onnx": net.read_bytes()}
    rename, calls = os.rename, []

    def second_fails(a: Path, b: Path) -> None:
        calls.append(b)
        if len(calls) == 2:
            raise OSError(5, "input/output error")
        rename(a, b)

    before = tree(out)
    monkeypatch.setattr(os, "rename", second_fails)
    with pytest.raises(WriteError, match="input/output error"):
        bundle([models.classifier(net, seed=2)], out, force=True)
    monkeypatch.undo()
    assert tree(out) == before


@pytest.mark.parametrize("name", ["a/b", "..", ".hidden", "", "a b", "a\nb", "x" * 300])
def test_names_that_no_folder_of_a_repository_has(tmp_path: Path, out: Path, name: str) -> None:
    with pytest.raises(RequestError, match="a model can't be named"):
        bundle([models.classifier(tmp_path / "net.onnx")], out, name=name)
    assert not out.exists()


def test_the_name_of_a_file_that_is_no_name_of_a_model(tmp_path: Path, out: Path) -> None:
    with pytest.raises(RequestError, match="--name my_net_1"):
        bundle([models.classifier(tmp_path / "my net (1.onnx")], out)
    bundle([tmp_path / "my net (1.onnx"], out, name="größe-2.1")
    assert os.listdir(out) == ["größe-2.1"]


def test_two_models_of_one_name(tmp_path: Path, out: Path) -> None:
    (tmp_path / "b").mkdir()
    both = [models.classifier(tmp_path / "net.onnx"), models.classifier(tmp_path / "b/net.onnx")]
    with pytest.raises(RequestError, match="would all be named `net`"):
        bundle(both, out)
    with pytest.raises(RequestError, match="one name is given for several models"):
        bundle(both, out, name="x")
    assert not out.exists()


def test_nothing_is_written_of_several_where_one_is_wrong(tmp_path: Path, out: Path) -> None:
    (tmp_path / "wrong.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match="is no ONNX model"):
        bundle([models.classifier(tmp_path / "net.onnx"), tmp_path / "wrong.onnx"], out)
    assert not out.exists()


def wrong_models(folder: Path) -> dict[str, Path]:
    """What is wrong → a file with that."""
    whole = models.classifier(folder / "whole.onnx").read_bytes()
    (folder / "cut.onnx").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.onnx").write_bytes(b"")
    (folder / "folder.onnx").mkdir()
    (folder / "weights.onnx").write_bytes(onnx.TensorProto(name="x", dims=[1]).SerializeToString())
    return {
        "is not there": folder / "missing.onnx",
        "is a folder": folder / "folder.onnx",
        "is no ONNX model, or is cut off": folder / "cut.onnx",
        "is no ONNX model: it has no": folder / "empty.onnx",
        "is no ONNX model": folder / "weights.onnx",
    }


def test_files_that_are_no_models(tmp_path: Path, out: Path) -> None:
    for message, path in wrong_models(tmp_path).items():
        with pytest.raises(ModelError, match=message):
            bundle([path], out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("../secret.bin", "not in the model's folder"),
        ("a/../../secret.bin", "not in the model's folder"),
        ("/etc/passwd", "not in the model's folder"),
        ("C:\\secret.bin", "not in the model's folder"),
        ("..\\secret.bin", "not in the model's folder"),
        ("", "not in the model's folder"),
        ("missing.bin", "which is not there"),
        ("link.bin", "a link that leads out of the model's folder"),
        ("short.bin", "it is cut off"),
    ],
)
def test_external_data_that_is_not_there_or_elsewhere(tmp_path: Path, out: Path, location: str, message: str) -> None:
    home = tmp_path / "model"
    home.mkdir()
    net = models.classifier(home / "net.onnx", external="weights.bin")
    (tmp_path / "secret.bin").write_bytes(bytes(10_000))
    (home / "link.bin").symlink_to("../secret.bin")
    (home / "short.bin").write_bytes(bytes(100))
    proto = onnx.load(net, load_external_data=False)
    for entry in proto.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = location
    net.write_bytes(proto.SerializeToString())
    with pytest.raises(ModelError, match=message):
        bundle([net], out)
    assert not out.exists()


def test_links_within_a_store_of_models_are_followed(tmp_path: Path, out: Path) -> None:
    """As in a cache, where the files of a model lie side by side under other names."""
    (tmp_path / "blobs").mkdir()
    (tmp_path / "snapshot").mkdir()
    net = models.classifier(tmp_path / "blobs" / "net.onnx", external="weights.bin")
    for link, blob in (("net.onnx", "a1"), ("weights.bin", "b2")):
        (tmp_path / "blobs" / link).rename(tmp_path / "blobs" / blob)
        (tmp_path / "snapshot" / link).symlink_to(f"../blobs/{blob}")
    bundle([tmp_path / "snapshot" / net.name], out)
    assert not (out / "net/1/model.onnx").is_symlink() and not (out / "net/1/weights.bin").is_symlink()
    onnx.checker.check_model(out / "net/1/model.onnx")


def test_weights_within_a_branch_are_found_too(tmp_path: Path, out: Path) -> None:
    net = models.branches(tmp_path / "net.onnx", "weights.bin")
    bundle([net], out)
    assert (out / "net/1/weights.bin").exists()


@pytest.mark.parametrize("path", ["repository", "repository/net"])
def test_a_file_stands_where_a_folder_should(tmp_path: Path, path: str) -> None:
    out = tmp_path / "repository"
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).write_text("a file")
    with pytest.raises(WriteError, match=f"{path} is a file, not a folder"):
        bundle([models.classifier(tmp_path / "net.onnx")], out)
    assert (tmp_path / path).read_text() == "a file"


BUNDLE = "import sys; from archc.cli import main; main(['bundle', *sys.argv[1:]])"


@pytest.mark.slow
def test_killed_at_any_moment_it_leaves_the_old_or_the_new_bundle(tmp_path: Path, out: Path) -> None:
    big = {"old": tmp_path / "a" / "net.onnx", "new": tmp_path / "b" / "net.onnx"}
    for seed, path in enumerate(big.values()):
        path.parent.mkdir()
        models.large(path, megabytes=24, seed=seed)
    states: list[dict[str, bytes]] = []
    for path in big.values():
        folder = tmp_path / f"as-{path.parent.name}"
        bundle([path], folder)
        states.append(tree(folder))
    bundle([big["old"]], out)
    script = f"import os, signal, sys; sys.path.insert(0, {str(ROOT)!r}); {BUNDLE.split(';', 1)[1]}"
    command = [sys.executable, "-c", script, str(big["new"]), "--out", str(out), "--force"]
    start = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    took = time.monotonic() - start
    assert tree(out) == states[1]
    moments = random.Random(0)
    for _ in range(6):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(moments.uniform(0.4, 1.0) * took)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert tree(out) in states
        assert os.listdir(out) == ["net"]


@pytest.mark.slow
def test_interrupted_at_any_moment_nothing_is_left_behind(tmp_path: Path) -> None:
    """By Ctrl-C, at moments between start and end: nothing or the whole bundle, and no folders of its making."""
    home, net = tmp_path / "home", models.large(tmp_path / "net.onnx", megabytes=24, seed=0)
    home.mkdir()
    script = f"import signal, sys; sys.path.insert(0, {str(ROOT)!r}); {BUNDLE.split(';', 1)[1]}"
    command = [sys.executable, "-c", script, str(net), "--out", str(home / "a" / "repository")]
    start = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    took = time.monotonic() - start
    whole = tree(home)
    moments = random.Random(0)
    for _ in range(8):
        shutil.rmtree(home / "a", ignore_errors=True)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(moments.uniform(0.4, 1.0) * took)
        process.send_signal(signal.SIGINT)
        code = process.wait()
        if code == 0:
            assert tree(home) == whole
        assert tree(home) in ({}, whole)
        assert os.listdir(home) in ([], ["a"]) and (os.listdir(home) == [] or tree(home) == whole)


class _Stopped(BaseException):
    """As KeyboardInterrupt is, which would end the tests."""


STEPS = ["place.os.rename", "repository.replace_folder", "repository.shutil.copyfile", "repository.write_text"]


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("reason", [_Stopped, OSError(errno.ENOSPC, "full")], ids=["Ctrl-C", "full disk"])
@pytest.mark.parametrize("nth", [0, 1])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("there", [False, True], ids=["first", "second version"])
def test_broken_off_at_a_step_all_is_as_it_was(
    tmp_path: Path,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    there: bool,
    step: str,
    nth: int,
    reason: Any,
    late: bool,
) -> None:
    nets = [models.classifier(tmp_path / f"{name}.onnx") for name in ("net", "other")]
    home = out.parent.parent / "new" / "repository"
    if there:
        bundle(nets, home)
        for name in ("net", "other"):  # so that the second version brings it
            (home / name / "labels.txt").unlink()
    before, folders = (tree(home), sorted(home.parent.rglob("*"))) if there else ({}, [])
    target = f"archc.bundling.{step}"
    calls, do = count(), pkgutil.resolve_name(target)

    def broken(*args: Any, **kwargs: Any) -> Any:
        if next(calls) != nth:
            return do(*args, **kwargs)
        if late:
            do(*args, **kwargs)
        raise reason

    monkeypatch.setattr(target, broken)
    with suppress(_Stopped, WriteError):
        bundle(nets, home, Request(version=2))
    monkeypatch.undo()
    if next(calls) <= nth:
        assert "write_text" in step or "rename" in step, "only these are not needed for all"
        return
    assert tree(home) == before
    assert home.parent.exists() == there
    assert (sorted(home.parent.rglob("*")) if there else []) == folders
    bundle(nets, home, Request(version=2))


FULL = """
import sys
from pathlib import Path
from archc.bundling.bundle import bundle
from archc.files import WriteError
try:
    bundle([Path(sys.argv[2])], Path(sys.argv[1]) / "repository", force=True)
except WriteError as e:
    print(e)
"""


def test_a_full_disk(tmp_path: Path) -> None:
    """On a file system of 1 MiB, mounted in a namespace of its own, where that is allowed."""
    disk, net = tmp_path / "disk", models.large(tmp_path / "net.onnx", megabytes=4, seed=0)
    disk.mkdir()
    small = tmp_path / "small" / "net.onnx"
    small.parent.mkdir()
    models.classifier(small, labels=None)
    python = f'"{sys.executable}" -c "$2" "$1"'
    script = (
        f'mount -t tmpfs -o size=1m none "$1" && {python} "$4" && cksum "$1"/repository/net/*/* > "$5" && '
        f'{python} "$3" && cksum "$1"/repository/net/*/* | cmp - "$5" && ls -A "$1"'
    )
    arguments = [str(disk), FULL, str(net), str(small), str(tmp_path / "sums")]
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    except FileNotFoundError:
        pytest.skip("there is no unshare here")
    if "mount" in done.stderr or "unshare" in done.stderr:
        pytest.skip(f"may not mount here: {done.stderr.strip()}")
    assert done.stdout.splitlines() == [f"cannot write {disk}/repository: the disk is full", "repository"], done.stderr
