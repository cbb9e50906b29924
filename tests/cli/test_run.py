"""``archc run`` and ``archc doctor``, as a user calls them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import helper
from PIL import Image

from archc.runtime import ort
from archc.runtime.environment import environment
from archc.runtime.profile import new_profile, profile_path, write_profile
from archc.runtime.session import Settings
from tests.cli.conftest import Archc
from tests.conftest import Golden
from tests.runtime.support import BARE, FLOAT, channel_means, model, written

GOLDENS = Path(__file__).parent / "goldens"
ROOT = Path(__file__).parents[2]

SPEC = """\
name: colours
input: [3, 8, 8]
preprocess: {mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25], color: rgb, resize: 8}
labels: [red, green, blue]
body:
  pool: global_avg_pool
  flatten: flatten
"""


def shown(text: str) -> str:
    """Without the processor and onnxruntime's version."""
    text = re.sub(r"· cpu · .*? · onnx", "· cpu · DEVICE · onnx", text)
    text = re.sub(r'"device_name": ".*"', '"device_name": "DEVICE"', text)
    return text.replace(ort.VERSION, "VERSION")


@pytest.fixture
def net(archc: Archc, folder: Path) -> Path:
    """A spec built to ONNX, and two images: a red one, and a photograph lying on its side, blue above green."""
    (folder / "colours.yaml").write_text(SPEC)
    assert archc("build", "colours.yaml", "--to", "onnx", "--out", ".").code == 0
    images = folder / "images"
    images.mkdir()
    Image.new("RGB", (32, 24), (230, 40, 10)).save(images / "red.png")
    Image.new("RGBA", (24, 32), (20, 160, 220, 128)).save(images / "sea.webp", lossless=True)
    return folder / "colours.onnx"


def test_images_in_labels_out(archc: Archc, net: Path, golden: Golden) -> None:
    result = archc("run", net.name, "images", "--top", "2")
    assert (result.code, result.err) == (0, "")
    golden(GOLDENS / "run_labels.txt", shown(result.out))


def test_json(archc: Archc, net: Path, golden: Golden) -> None:
    result = archc("run", net.name, "images/red.png", "--format", "json", "--threads", "1")
    assert (result.code, result.err) == (0, "")
    golden(GOLDENS / "run_labels.json", shown(result.out))
    (entry,) = json.loads(result.out)["results"]
    assert entry["top"]["output"][0]["label"] == "red"


def test_a_batch_gives_the_same(archc: Archc, net: Path) -> None:
    one, two = (archc("run", net.name, "images", "--batch", batch, "--format", "json") for batch in ("1", "2"))
    assert json.loads(one.out)["results"] == json.loads(two.out)["results"]


def test_raw_outputs(archc: Archc, net: Path) -> None:
    result = archc("run", net.name, "images", "--output", "out.npz", "--batch", "2")
    assert (result.code, result.err) == (0, "wrote out.npz\n")
    with np.load("out.npz") as arrays:
        assert arrays["samples"].tolist() == ["images/red.png", "images/sea.webp"]
        np.testing.assert_allclose(arrays["output"][0], (np.array([230, 40, 10]) / 255 - 0.5) / 0.25, rtol=1e-5)


def test_labels_of_a_file(archc: Archc, net: Path) -> None:
    Path("names.txt").write_text("rot\ngrün\nblau\n", encoding="utf-8")
    assert "  rot " in archc("run", net.name, "images/red.png", "--labels", "names.txt").out
    Path("names.txt").write_text("rot\n")
    result = archc("run", net.name, "images/red.png", "--labels", "names.txt")
    assert (result.code, result.out) == (2, "") and "1 labels, and output `output` has 3 classes" in result.err


def test_labels_do_nothing_to_a_terminal(archc: Archc, net: Path) -> None:
    Path("names.txt").write_text("\x1b[2Jcat\n\x9b31mdog\nc\u202eow\n")
    ran = archc("run", net.name, "--random", "--labels", "names.txt")
    assert (ran.code, ran.err) == (0, "")
    assert not {"\x1b", "\x9b", "\u202e"} & set(ran.out)
    assert "␛[2Jcat" in ran.out


def test_random_numbers(archc: Archc, net: Path) -> None:
    first, again, other = (archc("run", net.name, "--random", "--seed", seed, "--format", "json") for seed in "001")
    assert first.code == 0 and first.out == again.out != other.out
    assert len(json.loads(archc("run", net.name, "--random", "--batch", "3", "--format", "json").out)["results"]) == 3


def segmenter(folder: Path) -> Path:
    nodes = [
        helper.make_node("Sigmoid", ["x"], ["mask"]),
        helper.make_node("ReduceMax", ["x"], ["peak"], keepdims=0),
    ]
    shape = ["N", 3, "H", "W"]
    return written(folder, model(nodes, {"x": (FLOAT, shape)}, {"mask": (FLOAT, shape), "peak": (FLOAT, [])}))


def test_other_outputs_are_shown_by_their_figures(archc: Archc, folder: Path, golden: Golden) -> None:
    np.save("x.npy", np.linspace(-1, 1, 2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5))
    result = archc("run", segmenter(folder).name, "x.npy", "--batch", "2")
    assert (result.code, result.err) == (0, "")
    golden(GOLDENS / "run_figures.txt", shown(result.out))
    said = json.loads(archc("run", "net.onnx", "x.npy", "--format", "json").out)["results"]
    assert said[1]["outputs"]["mask"]["shape"] == [3, 4, 5] and "top" not in said[1]


def test_a_model_of_others_needs_to_be_told_how(archc: Archc, folder: Path, golden: Golden) -> None:
    path = written(folder, channel_means(size=("H", "W")))
    Image.new("RGB", (32, 24), (255, 255, 0)).save("a.png")
    said = [archc("run", path.name, "a.png")]
    said += [archc("run", path.name, "a.png", "--input", "3x16x16")]
    said += [archc("run", path.name, "--random")]
    assert [result.code for result in said] == [2, 2, 2]
    golden(GOLDENS / "run_untold.txt", "\n".join(result.err for result in said))
    how = ("--input", "3x16x16", "--preprocess", "{mean: 0.5, std: [1, 1, 1], resize: 20}", "--format", "json")
    assert archc("run", path.name, "a.png", *how).code == 0
    result = archc("run", path.name, "a.png", "--input", "3x16x16", "--preprocess", "imagenet", "--output", "o.npz")
    assert result.code == 0
    with np.load("o.npz") as arrays:
        np.testing.assert_allclose(
            arrays["logits"][0], [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, -0.406 / 0.225], 1e-5
        )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{meen: 1}", "did you mean `mean`?"),
        ("{resize: big}", "resize"),
        ("[1]", "mapping"),
        ("{std: 0}", "a number other than 0"),
        ("{mean: [1, 2]}", "2 numbers for 3 channels"),
    ],
)
def test_preprocess_is_checked_as_in_a_spec(archc: Archc, net: Path, text: str, said: str) -> None:
    result = archc("run", net.name, "images", "--preprocess", text)
    assert result.code == 2 and said in result.err


def test_broken_files_are_named_and_the_others_shown(archc: Archc, net: Path, golden: Golden) -> None:
    whole = Path("images/red.png").read_bytes()
    Path("images/cut.png").write_bytes(whole[: len(whole) // 2])
    Path("images/text.jpg").write_text("no image")
    result = archc("run", net.name, "images", "--top", "1")
    assert result.code == 2 and "red.png" in result.out and "sea.webp" in result.out
    assert [line.partition(": is ")[0] for line in result.err.splitlines()] == [
        "error: images/cut.png", "error: images/text.jpg",
    ]  # fmt: skip
    data = json.loads(archc("run", net.name, "images", "--format", "json").out)
    assert [Path(e["input"]).name for e in data["errors"]] == ["cut.png", "text.jpg"] and len(data["results"]) == 2


def test_scores_that_are_no_numbers_are_figures(archc: Archc, net: Path) -> None:
    np.save("nan.npy", np.full((3, 8, 8), np.nan, np.float32))
    assert "output  3  float32" in (text := archc("run", net.name, "nan.npy").out) and "3 not finite" in text
    (found,) = json.loads(archc("run", net.name, "nan.npy", "--format", "json").out)["results"]
    assert "top" not in found and found["outputs"]["output"]["unfit"] == 3


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("colours.onnx",), "give images, folders or arrays, or --random"),
        (("colours.onnx", "images", "--random"), "not both"),
        (("gone.onnx", "--random"), "gone.onnx: there is no such file"),
        (("images", "--random"), "images is no file"),
        (("colours.yaml", "--random"), "no ONNX model, or a broken one"),
        (("colours.onnx", "gone.png"), "gone.png: there is no such file"),
        (("colours.onnx", "empty"), "empty: no images in it"),
        (("colours.onnx", "images", "--output", "out.csv"), "outputs are written as .npz"),
        (("colours.onnx", "images", "--labels", "gone.txt"), "gone.txt: No such file"),
        (("colours.onnx", "images", "--input", "3x9x9"), "can't be [3, 9, 9]"),
        (("colours.onnx", "images", "--input", "y=3x8x8"), "the model has no input `y`"),
        (("colours.onnx", "images", "--device", "tpu"), "tpu"),
        (("colours.onnx", "images", "--threads", "100000"), "1<=x<=1024"),
    ],
)
def test_bad_requests(archc: Archc, net: Path, args: tuple[str, ...], said: str) -> None:
    Path("empty").mkdir()
    result = archc("run", *args)
    assert (result.code, result.out) == (2, "") and said in result.err


def test_an_output_that_can_t_be_written(archc: Archc, net: Path) -> None:
    Path("out.npz").mkdir()
    result = archc("run", net.name, "images", "--output", "out.npz")
    assert result.code == 2 and "cannot write" in result.err


def test_a_profile_is_used_where_it_fits(archc: Archc, net: Path) -> None:
    write_profile(net, new_profile(net, "cpu", Settings(intra_op_threads=1)))
    run = ("run", net.name, "--random", "--format", "json")
    result = archc(*run)
    assert (result.err, json.loads(result.out)["settings"]["intra_op_threads"]) == ("", 1)
    assert "intra_op_threads" not in json.loads(archc(*run, "--no-profile").out)["settings"]
    assert json.loads(archc(*run, "--threads", "2").out)["settings"]["intra_op_threads"] == 2
    profile_path(net).write_text(profile_path(net).read_text().replace(ort.VERSION, "1.2.3"))
    result = archc(*run)
    assert result.code == 0 and "intra_op_threads" not in json.loads(result.out)["settings"]
    assert result.err.startswith("note: colours.profile.json is not used: it is for onnxruntime 1.2.3")


def test_cuda_that_is_not_there(archc: Archc, net: Path, golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archc.runtime.environment.environment", lambda: BARE)
    result = archc("run", net.name, "images", "--device", "cuda")
    assert (result.code, result.out) == (3, "")
    golden(GOLDENS / "run_no_cuda.txt", result.err)
    assert archc("doctor").code == 3
    assert archc("doctor", "--device", "cuda", "--format", "json").code == 3
    assert archc("doctor", "--device", "cpu").code == 0


@pytest.mark.gpu
def test_on_a_gpu_images_get_the_labels_that_they_get_on_the_cpu(archc: Archc, net: Path) -> None:
    if missing := environment().missing():
        pytest.skip("; ".join(missing))
    cpu, cuda = (archc("run", net.name, "images", "--device", device, "--format", "json") for device in ("cpu", "cuda"))
    assert cuda.code == 0, cuda.err
    for ours, theirs in zip(*(json.loads(said.out)["results"] for said in (cpu, cuda)), strict=True):
        pairs = zip(ours["top"]["output"], theirs["top"]["output"], strict=True)
        assert all(a["label"] == b["label"] and a["score"] == pytest.approx(b["score"], abs=1e-3) for a, b in pairs)


def archc_process(*args: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-m", "archc", *args], capture_output=True, text=True, env=env, check=False)


def test_on_this_machine_cuda_works_or_says_what_it_lacks(net: Path) -> None:
    """Of the real process, onnxruntime's own printing too."""
    missing = environment().missing()
    result = archc_process("run", net.name, "images", "--device", "cuda", "--top", "1")
    doctor = archc_process("doctor")
    assert result.returncode == doctor.returncode == (3 if missing else 0)
    if missing:
        assert result.stdout == "" and result.stderr.startswith("error: CUDA can't be used here\n")
        assert all(f"  {line}\n" in result.stderr for line in missing)
        assert "onnxruntime:" not in result.stderr  # its own log
        assert "--device cpu works" in doctor.stdout and doctor.stderr == ""
    else:
        assert "· cuda: " in result.stdout and "red" in result.stdout


def test_help_needs_no_numpy() -> None:
    code = "import sys; from archc.cli import run; run(['run', '--help']); run(['doctor', '--help']); " \
        "sys.exit(str([m for m in ('numpy', 'onnx', 'onnxruntime', 'torch', 'PIL') if m in sys.modules]))"  # fmt: skip
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )  # fmt: skip
    assert result.stderr == "[]\n"
