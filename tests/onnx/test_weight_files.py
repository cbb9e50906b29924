"""Reading files of weights, and what is said where they do not fit."""

from __future__ import annotations

import builtins
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch

from archc.backends import weights
from archc.backends.onnx.model import build
from archc.backends.onnx.save import save
from archc.backends.weights import WeightsError
from archc.backends.weights.fit import match
from tests.onnx.networks import Residual, arrays, difference, perturbed, residual
from tests.onnx.test_onnx_model import image, run


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".pt"])
def test_formats_give_the_same_model(tmp_path: Path, suffix: str) -> None:
    module, path = perturbed(Residual()), tmp_path / f"w{suffix}"
    if suffix == ".safetensors":
        safetensors.torch.save_file(module.state_dict(), path)
    else:
        torch.save(module.state_dict(), path)
    tensors = weights.load(path)
    assert set(tensors) == set(module.state_dict())
    for key, value in module.state_dict().items():
        np.testing.assert_array_equal(tensors[key], value.numpy())
        assert tensors[key].dtype == value.numpy().dtype
    assert match(residual(), tensors).ok
    from_memory = build(residual(), weights=arrays(module)).proto()
    assert build(residual(), weights=tensors).proto() == from_memory


def test_tensors_of_safetensors_are_not_copied(tmp_path: Path) -> None:
    safetensors.numpy.save_file({"a": np.ones((4, 4), np.float32)}, tmp_path / "w.safetensors")
    value = weights.load(tmp_path / "w.safetensors")["a"]
    assert not value.flags.owndata
    assert not value.flags.writeable


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_other_precisions_become_float32(tmp_path: Path, dtype: torch.dtype, suffix: str) -> None:
    module, path = perturbed(Residual()).to(dtype), tmp_path / f"w{suffix}"
    if suffix == ".safetensors":
        safetensors.torch.save_file(module.state_dict(), path)
    else:
        torch.save(module.state_dict(), path)
    for key, value in weights.load(path).items():
        expected = module.state_dict()[key]
        expected = expected.float() if expected.is_floating_point() else expected
        np.testing.assert_array_equal(value, expected.numpy())
        assert value.dtype in (np.float32, np.int64)
    save(residual(), tmp_path / "net.onnx", weights=weights.load(path))
    x = image(2, 3, 12, 10)
    expected = module.float()(torch.from_numpy(x)).detach().numpy()
    assert difference(run(tmp_path / "net.onnx", x=x)["logits"], expected) < 1e-6


def test_tensors_that_are_views_or_empty(tmp_path: Path) -> None:
    torch.save({"t": torch.arange(6.0).reshape(2, 3).T, "e": torch.zeros(0, 2)}, tmp_path / "w.pth")
    loaded = weights.load(tmp_path / "w.pth")
    np.testing.assert_array_equal(loaded["t"], np.arange(6, dtype=np.float32).reshape(2, 3).T)
    weights.save(tmp_path / "w.safetensors", loaded, {"made": "by a test"})
    again = weights.load(tmp_path / "w.safetensors")
    assert again.metadata == {"made": "by a test"}
    np.testing.assert_array_equal(again["t"], loaded["t"])
    assert again["e"].shape == (0, 2)


def test_what_is_saved_the_package_reads(tmp_path: Path) -> None:
    given = {"b": image(2, 3), "a": np.array(3), "h": image(4).astype(np.float16), "f": np.array([True, False])}
    weights.save(tmp_path / "w.safetensors", given)
    read = safetensors.numpy.load_file(tmp_path / "w.safetensors")
    assert read.keys() == given.keys()
    for key, value in given.items():
        np.testing.assert_array_equal(read[key], value)
        assert read[key].dtype == value.dtype


def test_a_state_dict_at_hand(tmp_path: Path) -> None:
    module = perturbed(Residual()).to(torch.bfloat16)
    expected = {key: value.float().numpy() for key, value in module.state_dict().items() if value.is_floating_point()}
    counts = {key: value for key, value in arrays(Residual()).items() if key not in expected}
    assert (
        build(residual(), weights=module.state_dict()).proto() == build(residual(), weights=expected | counts).proto()
    )
    wide = {key: value.astype(np.float64) for key, value in expected.items()}
    assert build(residual(), weights=wide | counts).proto() == build(residual(), weights=expected | counts).proto()
    with pytest.raises(WeightsError, match=r"`fc\.bias` is of type <U1"):
        build(residual(), weights=expected | {"fc.bias": np.array(["a"])})


def test_a_file_of_an_old_torch(tmp_path: Path) -> None:
    torch.save(Residual().state_dict(), tmp_path / "w.pth", _use_new_zipfile_serialization=False)
    assert match(residual(), weights.load(tmp_path / "w.pth")).ok


class Malicious:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.mark), "w")


@pytest.mark.parametrize("new", [True, False])
def test_a_pickle_that_runs_code_is_refused_and_nothing_runs(tmp_path: Path, new: bool) -> None:
    mark, path = tmp_path / "ran", tmp_path / "w.pth"
    torch.save({"a": torch.ones(1), "b": Malicious(mark)}, path, _use_new_zipfile_serialization=new)
    with pytest.raises(WeightsError, match=r"this file needs code to load; save a state_dict \(it calls \S*open\)"):
        weights.load(path)
    assert not mark.exists()
    torch.load(path, weights_only=False)["b"].close()  # it would have
    assert mark.exists()


def test_a_bare_pickle_is_refused(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    (tmp_path / "w.pt").write_bytes(pickle.dumps(Malicious(mark)))
    with pytest.raises(WeightsError, match=r"w\.pt: this is no file of torch\.save"):
        weights.load(tmp_path / "w.pt")
    assert not mark.exists()


def test_a_whole_module_is_refused(tmp_path: Path) -> None:
    torch.save(Residual(), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="needs code to load"):
        weights.load(tmp_path / "w.pth")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"epoch": 3, "model": {"a": "b"}}, "under 'epoch' it holds a int, not a tensor"),
        ({"epoch": 3}, "under 'epoch' it holds a int, not a tensor"),
        ([torch.ones(1)], "holds a list, not a state_dict"),
        ({"a": torch.ones(2, 2).to_sparse()}, "`a` is sparse"),
        ({"a": torch.ones(2, dtype=torch.complex64)}, "complex"),
    ],
)
def test_what_is_no_state_dict(tmp_path: Path, content: Any, said: str) -> None:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=said):
        weights.load(tmp_path / "w.pth")


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_broken_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"w{suffix}"
    if suffix == ".safetensors":
        safetensors.torch.save_file(Residual().state_dict(), path)
    else:
        torch.save(Residual().state_dict(), path)
    whole = path.read_bytes()
    for text in (b"", b"\0" * 9, b"\xff" * 100, whole[:-10], whole[: len(whole) // 2], whole[100:]):
        path.write_bytes(text)
        with pytest.raises(WeightsError, match=r"w\.(safetensors|pth)"):
            weights.load(path)


def test_missing_files_and_other_names(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such file"):
        weights.load(tmp_path / "none.safetensors")
    (tmp_path / "d.pth").mkdir()
    with pytest.raises(WeightsError, match="is a directory"):
        weights.load(tmp_path / "d.pth")
    with pytest.raises(WeightsError, match=r"end in \.safetensors, \.pth, \.pt"):
        weights.load(tmp_path / "w.h5")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path: Path, suffix: str) -> None:
    os.mkfifo(tmp_path / f"w{suffix}")
    with pytest.raises(WeightsError, match="it is no regular file"):
        weights.load(tmp_path / f"w{suffix}")


@pytest.mark.parametrize("name", ["w.PTH", "model_best.pth.tar", "epoch=3.ckpt", "pytorch_model.bin"])
@pytest.mark.parametrize("form", ["safetensors", "zip", "legacy"])
def test_the_start_of_a_file_says_what_wrote_it(tmp_path: Path, name: str, form: str) -> None:
    state = {"a": torch.arange(32.0)}  # one whose header is of 0x80 bytes would begin as a pickle does
    if form == "safetensors":
        safetensors.torch.save_file(state, tmp_path / name, {"note": "x" * 37})
    else:
        torch.save(state, tmp_path / name, _use_new_zipfile_serialization=form == "zip")
    assert np.array_equal(weights.load(tmp_path / name)["a"], np.arange(32, dtype=np.float32))


@pytest.mark.parametrize("new", [False, True])
def test_a_file_of_torch_that_is_called_safetensors(tmp_path: Path, new: bool) -> None:
    torch.save({"a": torch.ones(1)}, tmp_path / "w.safetensors", _use_new_zipfile_serialization=new)
    with pytest.raises(WeightsError, match=r"is a file of torch\.save by another name; rename it to \.pth"):
        weights.load(tmp_path / "w.safetensors")


def test_what_is_too_large_for_float32_is_infinite(tmp_path: Path) -> None:
    state = {"a": torch.tensor([1e300, -1e300, 1.0], dtype=torch.float64)}
    safetensors.torch.save_file(state, tmp_path / "w.safetensors")
    torch.save(state, tmp_path / "w.pth")
    for suffix in (".safetensors", ".pth"):
        assert weights.load(tmp_path / f"w{suffix}")["a"].tolist() == [float("inf"), float("-inf"), 1.0]


def test_types_that_are_not_read(tmp_path: Path) -> None:
    safetensors.torch.save_file({"a": torch.ones(4).to(torch.float8_e4m3fn)}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match="`a` is of type F8_E4M3, which is not read"):
        weights.load(tmp_path / "w.safetensors")


def test_without_torch_the_message_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".")[0] == "torch":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    (tmp_path / "w.pth").write_bytes(b"")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(WeightsError, match=r"install archc\[torch\]"):
        weights.load(tmp_path / "w.pth")


def test_safetensors_are_read_without_torch(tmp_path: Path) -> None:
    safetensors.torch.save_file({"a": torch.ones(4).to(torch.bfloat16)}, tmp_path / "w.safetensors")
    code = (
        "import sys; from archc.backends.weights import load; import archc.backends.onnx.save\n"
        "print(load(sys.argv[1])['a'].sum(), 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "w.safetensors")],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.stdout.split() == ["4.0", "False"]


def test_every_kind_of_difference_is_said() -> None:
    given = arrays(Residual())
    given["block.conv1.weight"] = given.pop("block.conv.weight")
    given["extra"] = np.ones(3, np.float32)
    given["fc.weight"] = np.ones((7, 8), np.float32)
    given["bn1.bias"] = given["bn1.bias"].astype(np.int64)
    report = match(residual(), given)
    assert not report.ok
    assert report.missing == ("block.conv.weight",)
    assert report.unexpected == ("block.conv1.weight", "extra")
    assert [m.key for m in report.mismatched] == ["bn1.bias", "fc.weight"]
    assert (len(report.loaded), report.expected) == (17, 20)
    with pytest.raises(WeightsError) as e:
        build(residual(), weights=given)
    assert str(e.value).splitlines() == [
        "the weights and residual do not fit together: 17 of 20 weights fit",
        "  1 missing:",
        "    `block.conv.weight` (did you mean `block.conv1.weight`, which the file has?)",
        "  2 unexpected:",
        "    `block.conv1.weight`",
        "    `extra`",
        "  2 of another shape or type:",
        "    `bn1.bias` is integer 8, not 8",
        "    `fc.weight` is 7 × 8, not 5 × 8",
    ]


def test_long_lists_are_cut() -> None:
    with pytest.raises(WeightsError) as e:
        build(residual(), weights={})
    assert "  20 missing:" in str(e.value)
    assert str(e.value).endswith("… and 15 more")


def test_nothing_is_written_where_weights_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(WeightsError):
        save(residual(), tmp_path / "net.onnx", weights={})
    assert not list(tmp_path.iterdir())
