"""``archc weights``, and what ``archc build`` says of weights that are not taken as they are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.cli.conftest import TINY, Archc
from tests.conftest import Golden

GOLDENS = Path(__file__).parent / "goldens"
SPEC = (
    TINY.replace("linear(10)", "linear(num_classes)").replace("bias: false}", "bias: false, num_classes: 10}")
    + """\
weights:
  - rename: {"*.norm.*": "*.bn.*"}
  - drop: "aux.*"
  - file: "wide-*"
    params: {width: 8}
"""
)
Tensors = dict[str, Any]


def tensors(width: int = 4) -> Tensors:
    """Weights of tiny.yaml:small, drawn without archc."""
    rng = np.random.default_rng(0)
    found: Tensors = {}
    widths = {"stage0.0": (width, 3), "stage1.0": (2 * width, width), "stage1.1": (2 * width, 2 * width)}
    for name, (out, given) in widths.items():
        found[f"{name}.conv.weight"] = rng.normal(size=(out, given, 3, 3)).astype(np.float32)
        for weight in ("weight", "bias", "running_mean", "running_var"):
            found[f"{name}.bn.{weight}"] = rng.uniform(0.5, 1, out).astype(np.float32)
        found[f"{name}.bn.num_batches_tracked"] = np.array(0)
    found["fc.weight"] = rng.normal(size=(10, 2 * width)).astype(np.float32)
    found["fc.bias"] = rng.normal(size=10).astype(np.float32)
    return found


def plain(given: Tensors) -> Tensors:
    return given


def quirky(given: Tensors) -> Tensors:
    """Wrapped, with old names, no batches counted and an auxiliary head."""
    kept = {k.replace(".bn.", ".norm."): v for k, v in given.items() if not k.endswith("num_batches_tracked")}
    return {f"module.{key}": value for key, value in {**kept, "aux.fc.weight": np.ones((10, 4), np.float32)}.items()}


def partial(given: Tensors) -> Tensors:
    """Without a stage, with another head, and one tensor of another shape."""
    kept = {key: value for key, value in given.items() if not key.startswith(("stage1.1.", "fc."))}
    kept["stage1.0.bn.bias"] = np.ones(3, np.float32)
    return {**kept, "head.weight": np.ones((10, 8), np.float32), "head.bias": np.ones(10, np.float32)}


@pytest.fixture
def file(folder: Path) -> Callable[..., str]:
    """``file(quirky)``: a file of weights beside the spec; its name."""
    (folder / "tiny.yaml").write_text(SPEC)

    def write(change: Callable[[Tensors], Tensors] = plain, name: str = "w.safetensors", width: int = 4) -> str:
        save_file(change(tensors(width)), folder / name)
        return name

    return write


@pytest.mark.parametrize(
    ("name", "change", "options", "code"),
    [
        ("strict", plain, [], 0),
        ("quirks", quirky, [], 0),
        ("all", quirky, ["--all"], 0),
        ("misfit", partial, [], 1),
        ("partial", partial, ["--partial", "--seed", "3"], 0),
        ("classes", plain, ["--set", "num_classes=4"], 0),
        ("other_width", plain, ["--set", "width=6"], 1),
    ],
)
def test_the_table(
    archc: Archc, file: Callable[..., str], golden: Golden, name: str, change: Any, options: list[str], code: int
) -> None:
    result = archc("weights", file(change), "tiny.yaml:small", *options)
    assert (result.code, result.err) == (code, "")
    golden(GOLDENS / f"weights_{name}.txt", result.out)


def test_a_parameter_that_the_file_decides(archc: Archc, file: Callable[..., str], golden: Golden) -> None:
    result = archc("weights", file(plain, "wide-1.safetensors", 8), "tiny.yaml:small")
    assert (result.code, result.err) == (0, "")
    golden(GOLDENS / "weights_implied.txt", result.out)
    built = archc("build", "tiny.yaml:small", "--to", "all", "--weights", "wide-1.safetensors")
    assert built.code == 0 and "width=8: its name is `wide-*` (tiny.yaml:" in built.out
    assert "3,922 parameters" in built.out  # the source, too, is of the network that the file is of


def test_json_holds_the_same(archc: Archc, file: Callable[..., str]) -> None:
    found = json.loads(archc("weights", file(quirky), "tiny.yaml:small", "--format", "json").out)
    assert found["loads"] is True and found["strictly"] is True
    assert found["counts"] == {
        "loaded": 17, "counters": 3, "fresh": 0, "missing": 0, "mismatched": 0, "unexpected": 0, "dropped": 1,
        "renamed": 12,
    }  # fmt: skip
    assert found["loaded"]["fc.weight"] == [10, 8]
    assert found["dropped"] == {"aux.fc.weight": [10, 4]}
    assert found["renamed"]["module.stage0.0.norm.bias"] == "stage0.0.bn.bias"
    result = archc("weights", file(partial), "tiny.yaml:small", "--format", "json")
    found = json.loads(result.out)
    assert result.code == 1 and found["loads"] is False
    assert found["mismatched"] == [{"key": "stage1.0.bn.bias", "network": "8", "file": "3"}]
    assert found["unexpected"] == {"head.bias": [10], "head.weight": [10, 8]}
    assert found["missing"]["fc.bias"] == [10]


def test_out_writes_the_weights_as_the_network_has_them(archc: Archc, file: Callable[..., str], folder: Path) -> None:
    result = archc("weights", file(quirky), "tiny.yaml:small", "--out", "mine.safetensors")
    assert result.code == 0 and "mine.safetensors" in result.out
    read, expected = load_file(folder / "mine.safetensors"), tensors()
    assert read.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_array_equal(read[key], value)
    again = archc("weights", "mine.safetensors", "tiny.yaml:small")
    assert again.code == 0 and "renamed" not in again.out
    first = (folder / "mine.safetensors").read_bytes()
    archc("weights", "w.safetensors", "tiny.yaml:small", "--out", "again.safetensors")
    assert (folder / "again.safetensors").read_bytes() == first


def test_out_is_not_written_where_the_file_does_not_load(archc: Archc, file: Callable[..., str], folder: Path) -> None:
    result = archc("weights", file(partial), "tiny.yaml:small", "--out", "mine.safetensors")
    assert result.code == 1 and result.err == "error: mine.safetensors is not written: the file does not load\n"
    assert not (folder / "mine.safetensors").exists()
    assert archc("weights", "w.safetensors", "tiny.yaml:small", "--partial", "--out", "mine.safetensors").code == 0
    assert archc("weights", "mine.safetensors", "tiny.yaml:small").code == 0


def test_out_can_replace_the_file_that_is_read(archc: Archc, file: Callable[..., str], folder: Path) -> None:
    name = file(quirky)
    assert archc("weights", name, "tiny.yaml:small", "--out", name).code == 0
    assert load_file(folder / name).keys() == tensors().keys()


def test_another_structure_is_refused_unless_told(
    archc: Archc, file: Callable[..., str], folder: Path, golden: Golden
) -> None:
    archc("weights", file(), "tiny.yaml:small", "--out", "mine.safetensors")
    (folder / "tiny.yaml").write_text(SPEC.replace("act: relu,", "act: gelu,"))
    result = archc("build", "tiny.yaml:small", "--to", "onnx", "--weights", "mine.safetensors")
    assert result.code == 2 and not (folder / "generated").exists()
    golden(GOLDENS / "weights_structure_build.txt", result.err)
    shown = archc("weights", "mine.safetensors", "tiny.yaml:small")
    assert shown.code == 1
    golden(GOLDENS / "weights_structure.txt", shown.out)
    assert archc("weights", "mine.safetensors", "tiny.yaml:small", "--other-structure").code == 0
    told = archc("build", "tiny.yaml:small", "--to", "onnx", "--weights", "mine.safetensors", "--other-structure")
    assert told.code == 0 and "which computes something else" in told.out


@pytest.mark.parametrize(
    ("name", "change", "options"),
    [("quirks", quirky, []), ("partial", partial, ["--partial"]), ("classes", plain, ["--set", "num_classes=4"])],
)
def test_build_says_what_it_took(
    archc: Archc, file: Callable[..., str], golden: Golden, name: str, change: Any, options: list[str]
) -> None:
    result = archc("build", "tiny.yaml:small", "--to", "onnx", "--weights", file(change), *options)
    assert (result.code, result.err) == (0, "")
    golden(GOLDENS / f"weights_build_{name}.txt", re.sub(r"in \d+\.\d s", "in … s", result.out))


def test_a_partial_build_is_the_same_again_and_another_seed_is_another(
    archc: Archc, file: Callable[..., str], folder: Path
) -> None:
    command = ["build", "tiny.yaml:small", "--to", "onnx", "--weights", file(partial), "--partial"]
    for out, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        assert archc(*command, "--out", out, "--seed", seed).code == 0
    a, b, c = ((folder / out / "small.onnx").read_bytes() for out in "abc")
    assert a == b != c


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["weights", "w.safetensors", "tiny.yaml:smal"], "did you mean `small`?"),
        (["weights", "none.safetensors", "tiny.yaml:small"], "does not exist"),
        (["weights", "tiny.yaml", "tiny.yaml:small"], "weights are read from files that end in"),
        (["weights", "broken.safetensors", "tiny.yaml:small"], "is no whole safetensors file"),
        (["weights", "w.safetensors", "tiny.yaml:small", "--ema"], "no averaged ones"),
        (["weights", "w.safetensors", "tiny.yaml:small", "--out", "x.pth"], "written as .safetensors"),
        (["weights", "w.safetensors", "tiny.yaml:small", "--set", "wdth=3"], "did you mean `width`?"),
        (["build", "tiny.yaml:small", "--partial"], "--partial speaks of --weights FILE, and there is none"),
        (["build", "tiny.yaml:small", "--other-structure"], "--other-structure speaks of --weights FILE"),
        (["build", "tiny.yaml:small", "--weights", "w.safetensors", "--ema"], "holds no weights"),
    ],
)
def test_bad_input(archc: Archc, file: Callable[..., str], folder: Path, command: list[str], said: str) -> None:
    file()
    (folder / "broken.safetensors").write_bytes(b"\x00" * 20)
    result = archc(*command)
    assert result.code == 2 and said in result.err


def test_names_in_a_file_do_not_act_on_the_terminal(archc: Archc, file: Callable[..., str]) -> None:
    name = file(lambda given: {**given, "\x1b[31mred": np.ones(1, np.float32)})
    for command in (["weights", name, "tiny.yaml:small"], ["build", "tiny.yaml", "--to", "onnx", "--weights", name]):
        result = archc(*command)
        assert "\x1b" not in result.out + result.err


def test_integers_and_fractions_of_one_shape_are_told_apart(archc: Archc, file: Callable[..., str]) -> None:
    name = file(lambda given: {**given, "stage0.0.bn.weight": given["stage0.0.bn.weight"].astype(np.int64)})
    result = archc("weights", name, "tiny.yaml:small")
    assert result.code == 1
    assert "stage0.0.bn.weight  4 · the file's is integer 4" in result.out


def test_an_option_that_would_not_help_is_not_named(archc: Archc, file: Callable[..., str], folder: Path) -> None:
    archc("weights", file(), "tiny.yaml:small", "--out", "mine.safetensors")
    (folder / "tiny.yaml").write_text(SPEC.replace("conv(out, 3, padding=1", "conv(out, 5, padding=2"))
    for command in ("weights mine.safetensors tiny.yaml", "build tiny.yaml --to onnx --weights mine.safetensors"):
        result = archc(*command.replace("tiny.yaml", "tiny.yaml:small").split())
        text = result.out + result.err
        assert result.code and "help: build the network that it was made from\n" in text
        assert "--other-structure" not in text
