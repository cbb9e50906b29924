"""``archc build``."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from safetensors.numpy import save_file

from archc.backends.onnx import passes
from archc.backends.onnx.profiles import PROFILES
from tests.cli.conftest import Archc
from tests.conftest import Golden

GOLDENS = Path(__file__).parent / "goldens"
TIME = re.compile(r"in \d+\.\d s")


def weights(path: Path, **change: object) -> Path:
    """Weights of tiny.yaml:small, drawn without archc."""
    rng = np.random.default_rng(0)
    tensors: dict[str, np.ndarray] = {}
    for name, (out, given) in {"stage0.0": (4, 3), "stage1.0": (8, 4), "stage1.1": (8, 8)}.items():
        tensors[f"{name}.conv.weight"] = rng.normal(size=(out, given, 3, 3)).astype(np.float32)
        for weight in ("weight", "bias", "running_mean", "running_var"):
            tensors[f"{name}.bn.{weight}"] = rng.uniform(0.5, 1, out).astype(np.float32)
        tensors[f"{name}.bn.num_batches_tracked"] = np.array(0)
    tensors["fc.weight"] = rng.normal(size=(10, 8)).astype(np.float32)
    tensors["fc.bias"] = rng.normal(size=10).astype(np.float32)
    for key in change.get("without", ()):  # pyright: ignore
        del tensors[key]
    save_file(tensors, path)
    return path


def test_source_by_default(archc: Archc, folder: Path, golden: Golden) -> None:
    result = archc("build", "tiny.yaml:small")
    assert (result.code, result.err) == (0, "")
    assert [p.name for p in (folder / "generated").iterdir()] == ["small.py"]
    golden(GOLDENS / "build_source.txt", TIME.sub("in … s", result.out))
    golden(GOLDENS / "small.py.txt", (folder / "generated/small.py").read_text())


def test_all_with_weights(archc: Archc, folder: Path, golden: Golden) -> None:
    result = archc("build", "tiny.yaml:small", "--to", "all", "--weights", weights(folder / "w.safetensors").name)
    assert (result.code, result.err) == (0, "")
    golden(GOLDENS / "build_all.txt", TIME.sub("in … s", result.out))
    onnx.checker.check_model(folder / "generated/small.onnx", full_check=True)


def test_it_says_plainly_that_weights_are_random(archc: Archc, folder: Path, golden: Golden) -> None:
    result = archc("build", "tiny.yaml:small", "--to", "onnx", "--seed", "3", "--out", "here")
    assert "RANDOM" in result.out and "seed 3" in result.out
    assert [p.name for p in (folder / "here").iterdir()] == ["small.onnx"]
    golden(GOLDENS / "build_random.txt", TIME.sub("in … s", result.out))


def test_the_same_command_writes_the_same_bytes_and_another_seed_does_not(archc: Archc, folder: Path) -> None:
    for out, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        assert archc("build", "tiny.yaml:small", "--to", "all", "--out", out, "--seed", seed).code == 0
    a, b, c = ((folder / out / "small.onnx").read_bytes() for out in "abc")
    assert a == b != c
    assert (folder / "a/small.py").read_bytes() == (folder / "b/small.py").read_bytes()


def test_large_weights_get_a_file_of_their_own(archc: Archc, folder: Path) -> None:
    result = archc("build", "tiny.yaml:small", "--to", "onnx", "--external-data-from", "1Ki")
    names = sorted(p.name for p in (folder / "generated").iterdir())
    assert len(names) == 2 and names[0].endswith(".data") | names[1].endswith(".data")
    assert all(name in result.out for name in names)
    onnx.checker.check_model(folder / "generated/small.onnx", full_check=True)


def test_weights_that_do_not_fit_are_refused_and_nothing_is_written(archc: Archc, folder: Path) -> None:
    file = weights(folder / "w.safetensors", without=["fc.bias"])
    result = archc("build", "tiny.yaml:small", "--to", "onnx", "--weights", file.name)
    assert result.code == 2
    assert "fc.bias" in result.err and "missing" in result.err
    assert not (folder / "generated/small.onnx").exists()


@pytest.mark.parametrize("wanted", ["source", "onnx", "all"])
def test_check_writes_nothing_and_fails_on_what_differs(archc: Archc, folder: Path, wanted: str) -> None:
    command = ["build", "tiny.yaml:small", "--to", wanted]
    missing = archc(*command, "--check")
    assert missing.code == 1 and "missing" in missing.out
    assert not (folder / "generated").exists()
    assert archc(*command).code == 0
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in (folder / "generated").iterdir()}
    assert archc(*command, "--check").code == 0
    changed = archc(*command, "--check", "--set", "width=6")
    assert changed.code == 1 and "differs" in changed.out
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in (folder / "generated").iterdir()} == before


def test_the_list_of_profiles_has_every_profile_and_every_pass(archc: Archc) -> None:
    listed = archc("list", "--profiles")
    assert listed.code == 0
    profiles, passes_ = listed.out.split("\npasses\n")
    for profile in PROFILES.values():
        assert f"{profile.name}: {profile.summary}\n  {', '.join(profile.passes)}\n" in f"{profiles}\n"
    assert [line.split()[0] for line in passes_.splitlines()] == passes.names()
    both = archc("list", "--ops", "--profiles")
    assert both.code == 2
    assert "ask for one" in both.err


def test_what_cuda_has_no_kernel_for_is_said(archc: Archc, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "warning" not in archc("build", "tiny.yaml:small", "--to", "onnx", "--profile", "cuda-fp32").out
    monkeypatch.setattr("archc.ops.activation.Relu.onnx", lambda _, e, inputs, shapes: e.node("Celu", inputs))
    result = archc("build", "tiny.yaml:small", "--to", "onnx", "--profile", "cuda-fp32")
    assert result.code == 0
    assert "warning: without a CUDA kernel in onnxruntime" in result.out
    assert "`stage1.1.act`: Celu has no kernel in CUDAExecutionProvider" in result.out
    assert "warning" not in archc("build", "tiny.yaml:small", "--to", "onnx").out
